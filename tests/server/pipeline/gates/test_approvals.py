from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from securesystemslib.signer import CryptoSigner

from farm.core.package.descriptor import Descriptor
from farm.core.policy.gates.approvals import ApprovalsGate
from farm.server.curation import approvals
from farm.server.curation.approvals import Approval
from farm.server.pipeline.gates.policy_gates import Approvals
from farm.trust.attestation.approval import approval_statement
from farm.trust.attestation.dsse import sign_statement
from tests.farms.small import START

if TYPE_CHECKING:
    from farm.server.pipeline.gates.gate_result import PackageGateResult
    from tests.server.pipeline.gates.conftest import GatedChannel

ALICE, BOB, MALLORY = (CryptoSigner.generate_ed25519() for _ in range(3))
GROUP = {name: str(key.public_key.keyval["public"]) for name, key in (("alice", ALICE), ("bob", BOB))}


def sign(
    entrance: GatedChannel,
    curator: str,
    key: CryptoSigner,
    *,
    package: str = "a",
    channel: str = "stable",
    says: str = "",
) -> str:
    """Store what a person signed, under the name of `curator`, for the package `a` on stable; returns the envelope.

    The statement itself is about `package`, `channel` and the curator `says`.
    """
    with entrance.farm.application.reading() as unit:
        descriptor = Descriptor.from_json(unit.blobs.read(entrance.arrivals[package].digest))
    statement = approval_statement(descriptor, channel=channel, curator=says or curator)
    envelope = sign_statement(statement, key).decode()
    keep(entrance, curator, envelope)
    return envelope


def keep(entrance: GatedChannel, curator: str, envelope: str) -> None:
    package = entrance.arrivals["a"].digest
    with entrance.farm.application.writing() as unit:
        approvals.add_approval(
            unit.session, Approval(channel="stable", package=package, curator=curator, envelope=envelope, at=START)
        )


def ask(entrance: GatedChannel, count: int = 1, keys: dict[str, str] | None = None) -> dict[str, PackageGateResult]:
    return entrance.ask(Approvals(ApprovalsGate("curators", count), GROUP if keys is None else keys))


def test_a_package_waits_for_a_signature_and_says_whose(entrance: GatedChannel) -> None:
    standing = ask(entrance)["a"]

    assert (standing.state, standing.reason) == ("waiting", "0 of 1 have approved it")
    assert standing.remedy == "Let one of alice, bob sign: `farm approve stable a`."

    sign(entrance, "alice", ALICE)
    assert ask(entrance).keys() == {"b"}


def test_two_approvals_are_by_two_people(entrance: GatedChannel) -> None:
    sign(entrance, "alice", ALICE)
    sign(entrance, "alice", ALICE)
    standing = ask(entrance, 2)["a"]
    assert standing.reason == "1 of 2 have approved it (alice)"
    assert standing.remedy == "Let bob sign: `farm approve stable a`."

    sign(entrance, "bob", BOB)
    assert "a" not in ask(entrance, 2)


@pytest.mark.parametrize(
    ("curator", "key", "changes"),
    [
        ("alice", MALLORY, {}),
        ("alice", BOB, {}),
        ("mallory", MALLORY, {}),
        ("alice", ALICE, {"package": "b"}),
        ("alice", ALICE, {"channel": "edge"}),
        ("alice", ALICE, {"says": "bob"}),
        ("alice", BOB, {"says": "bob"}),
    ],
)
def test_what_is_not_that_persons_word_about_that_package_on_that_channel_counts_nothing(
    entrance: GatedChannel, curator: str, key: CryptoSigner, changes: dict[str, str]
) -> None:
    sign(entrance, curator, key, **changes)

    assert ask(entrance)["a"].reason == "0 of 1 have approved it"


def test_an_envelope_that_was_changed_counts_nothing(entrance: GatedChannel) -> None:
    good = json.loads(sign(entrance, "alice", ALICE))
    forms: list[object] = [{}, [], good | {"payload": good["payload"][:-4]}, good | {"signatures": []}]
    for envelope in forms:
        keep(entrance, "alice", json.dumps(envelope))
        assert ask(entrance)["a"].reason == "0 of 1 have approved it"


def test_the_key_that_the_group_has_now_counts(entrance: GatedChannel) -> None:
    sign(entrance, "alice", ALICE)
    changed = {**GROUP, "alice": str(MALLORY.public_key.keyval["public"])}

    assert "a" in ask(entrance, keys=changed)
    assert "a" in ask(entrance, keys={"bob": GROUP["bob"]})
    assert "a" in ask(entrance, keys={"alice": "zz"})
    assert "a" in ask(entrance, keys={})
    assert "a" not in ask(entrance)
