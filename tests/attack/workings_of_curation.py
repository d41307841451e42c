"""Attacks through the database in the name of curators that take more than a statement or two."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from farm.core.advisories.openvex import read_openvex
from farm.core.names.canonical_json import canonical_json
from farm.core.names.digest import Digest
from farm.core.package.descriptor import Descriptor
from farm.server.advisories.advisory_intake import add_advisory, add_statements, state_reviews
from farm.server.curation import signed_orders
from farm.server.identities.access import Actor
from farm.trust.attestation.advisory_statement import advisory_claim, statement_claim
from farm.trust.attestation.approval import approval_statement
from farm.trust.attestation.curator_order import Act
from farm.trust.attestation.dsse import sign_statement
from tests.attack.editing import execute
from tests.attack.liar import DISTRIBUTION, MALLORY
from tests.attack.scenario import advised, ordered
from tests.core.advisories.osv_documents import openvex, osv

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from farm.server.transaction.unit_of_work import UnitOfWork
    from farm.trust.attestation.advisory_statement import Claim
    from tests.attack.farm import AttackedFarm

    Facts = Mapping[str, object]

NEWER = "2024-11-21T10:00:00Z"
HARMLESS = openvex(product=f"{DISTRIBUTION}/vuln", timestamp="2024-11-23T10:00:00Z")
WITHDRAWN = osv(package="vuln", fixed="", modified=NEWER, withdrawn=NEWER)
_ACTOR = Actor("token:mallory")


def approves_itself(farm: AttackedFarm, facts: Facts) -> None:
    """Sign approvals in a curator's name."""
    rows = ("lone1", "reported1", "vuln1")
    for row in rows:
        descriptor = Descriptor.from_json(farm.application.blobs.read(Digest(str(facts[f"{row}_digest"]))))
        envelope = sign_statement(approval_statement(descriptor, channel="stable", curator="alice"), MALLORY)
        execute(
            farm,
            "INSERT OR REPLACE INTO approval VALUES ('stable', :package, 'alice', :envelope, '2026-11-24 12:00:00.000000')",
            {"package": descriptor.digest, "envelope": envelope.decode()},
        )


def orders_itself(farm: AttackedFarm, facts: Facts) -> None:
    """Bring orders that a stranger signed in a curator's name: release what is held, and thaw what is frozen."""
    _bring_orders(farm, facts, "alice")


def counts_among_the_curators(farm: AttackedFarm, facts: Facts) -> None:
    """List a stranger among the people whose orders count, and bring the stranger's orders."""
    people = canonical_json({"alice": "0" * 64, "mallory": MALLORY.public_key.keyval["public"]}).decode()
    execute(farm, "UPDATE who_orders SET people = :people", {"people": people})
    _bring_orders(farm, facts, "mallory")


def _bring_orders(farm: AttackedFarm, facts: Facts, curator: str) -> None:
    envelopes = [
        ordered(farm, Act.LIFT, "edge", key=MALLORY, curator=curator, packages={"kept": None}),
        ordered(farm, Act.THAW, "still", key=MALLORY, curator=curator),
        ordered(
            farm,
            Act.RETRY,
            "edge",
            key=MALLORY,
            curator=curator,
            packages={"tool": Digest(str(facts["tool1_digest"]))},
        ),
    ]
    for envelope in envelopes:
        execute(
            farm,
            "INSERT INTO signed_order (digest, channel, act, curator, envelope, at, refused) "
            "VALUES (:digest, 'edge', 'lift', :curator, :envelope, '2026-11-24 12:00:00.000000', '')",
            {"digest": Digest.of(envelope), "curator": curator, "envelope": envelope.decode()},
        )
    execute(
        farm,
        "UPDATE hold SET lifted_at = at, lifted_by = 'token:alice';\nUPDATE channel SET frozen_at = NULL",
        facts,
    )


def states_that_it_is_harmless(farm: AttackedFarm, facts: Facts) -> None:
    """State it while no signature is required, and keep it so: the farm then asks the signer to publish it."""
    with _unsigned(farm, facts) as unit:
        add_statements(unit, _ACTOR, HARMLESS)


def states_it_by_a_strangers_order(farm: AttackedFarm, facts: Facts) -> None:
    """State it, signed by a stranger in a curator's name, and claim that the signer has it."""
    (statement,) = read_openvex(HARMLESS, DISTRIBUTION)
    _brings_advice(farm, facts, statement_claim(statement, DISTRIBUTION))
    with farm.application.writing() as unit:
        people = signed_orders.who_orders(unit.session)
        signed_orders.set_who_orders(unit.session, None)
        add_statements(unit, _ACTOR, HARMLESS)
        signed_orders.set_who_orders(unit.session, people)


def withdraws_the_advisory(farm: AttackedFarm, facts: Facts) -> None:
    """Withdraw it while no signature is required."""
    with _unsigned(farm, facts) as unit:
        add_advisory(unit, _ACTOR, WITHDRAWN)


def withdraws_it_by_another_order(farm: AttackedFarm, facts: Facts) -> None:
    """Withdraw it, and present Alice's order for the advisory as an order for its withdrawal."""
    withdraws_the_advisory(farm, facts)
    with farm.application.reading() as unit:
        kept = signed_orders.delivered_since(unit.session, Act.ADVISE, datetime.min.replace(tzinfo=UTC))[0]
    envelope = json.loads(kept.envelope)
    statement = json.loads(b64decode(envelope["payload"]))
    claim = advisory_claim(json.loads(WITHDRAWN))
    statement["predicate"]["packages"] = {claim.label: {"sha256": claim.digest.hex}}
    envelope["payload"] = b64encode(canonical_json(statement)).decode()
    execute(
        farm,
        "INSERT INTO signed_order (digest, channel, act, curator, envelope, at, refused) VALUES "
        "(:digest, 'advisories', 'advise', 'alice', :envelope, '2026-11-24 12:00:00.000000', '')",
        {"digest": Digest.of_json(statement), "envelope": json.dumps(envelope)},
    )


def invents_reviews(farm: AttackedFarm, facts: Facts) -> None:
    """State reviews of advisory data while no signature is required."""
    with _unsigned(farm, facts) as unit:
        state_reviews(unit, _ACTOR, ["vuln", "lib"], "https://cve.example.org/", at=datetime.now(UTC))


@contextmanager
def _unsigned(farm: AttackedFarm, facts: Facts) -> Iterator[UnitOfWork]:
    execute(farm, "UPDATE who_orders SET people = 'null'", facts)
    with farm.application.writing() as unit:
        yield unit


def _brings_advice(farm: AttackedFarm, facts: Facts, claim: Claim) -> None:
    envelope = advised(claim, key=MALLORY)
    execute(
        farm,
        "INSERT INTO signed_order (digest, channel, act, curator, envelope, at, delivered_at, refused) VALUES "
        "(:digest, 'advisories', 'advise', 'alice', :envelope, :now, :now, '')",
        {**facts, "digest": Digest.of(envelope), "envelope": envelope.decode(), "now": f"{datetime.now(UTC):%F %T.%f}"},
    )
