"""The checker requires the signature of an owner, even if the farm has accepted a recipe of somebody else."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from securesystemslib.signer import CryptoSigner

from farm.checker.builds.ownership import SignedOwnership
from farm.checker.builds.plans import PlanMismatchError
from farm.core.names.digest import Digest
from farm.trust.attestation.submission_statement import shown_submission
from tests.checker.built import DISTRIBUTION, Builder
from tests.refusing import refuses

if TYPE_CHECKING:
    from pathlib import Path

ALICE, BEN, MALLORY = (CryptoSigner.generate_ed25519() for _ in range(3))


def _hex(key: CryptoSigner) -> bytes:
    return str(key.public_key.keyval["public"]).encode()


@pytest.fixture
def farm(tmp_path: Path) -> Builder:
    """Alice owns everything except what Ben owns; Mallory is a curator and owns nothing."""
    made = Builder.at(tmp_path)
    people = b"curators:\n  alice: '%s'\n  ben: '%s'\n  mallory: '%s'\n" % (_hex(ALICE), _hex(BEN), _hex(MALLORY))
    made.owners = {"curators.yaml": people, "OWNERS": b"* alice\npng* ben\n"}
    return made


def test_what_its_owner_has_signed_passes_with_what_it_was_built_against(farm: Builder) -> None:
    zlib, png = farm.recipe("zlib"), farm.recipe("png", needs=("zlib",))
    farm.sign("alice", ALICE, zlib)
    farm.sign("ben", BEN, png)
    farm.build(zlib)
    assert farm.check(farm.build(png)) == ["png", "zlib"]


def test_without_signed_owners_nobody_has_to_sign(farm: Builder) -> None:
    farm.owners = {}
    assert farm.check(farm.build(farm.recipe("zlib"))) == ["zlib"]


@pytest.mark.parametrize(
    ("person", "key", "changes"),
    [
        ("mallory", MALLORY, {}),
        ("alice", MALLORY, {}),
        ("ben", BEN, {}),
        ("alice", ALICE, {"distribution": "other.example"}),
        ("alice", ALICE, {"recipes": {"zlib": Digest.of(b"another recipe")}}),
        ("alice", ALICE, {"withdrawn": True}),
    ],
    ids=["a stranger", "another key", "another owner", "another distribution", "another recipe", "a withdrawal"],
)
def test_what_no_owner_has_signed_is_refused(
    farm: Builder, person: str, key: CryptoSigner, changes: dict[str, Any]
) -> None:
    recipe = farm.recipe("zlib")
    farm.sign(person, key, recipe, **changes)
    package = farm.build(recipe)
    with refuses("unsigned-recipe", match="no owner has signed the recipe zlib") as refused:
        farm.check(package)
    assert "Let alice submit it" in refused.value.remedy
    farm.sign("alice", ALICE, recipe)
    assert farm.check(package) == ["zlib"]


def test_nothing_is_signed_since_by_a_clock_that_was_ahead(farm: Builder) -> None:
    """It would be newer than any later one. It is signed all the same, whatever its date."""
    recipe, now = farm.recipe("zlib"), datetime.now(UTC)
    asked = "zlib", recipe.digest

    def ownership(at: datetime) -> SignedOwnership:
        policy = farm.policy()
        return SignedOwnership(DISTRIBUTION, policy, farm.submissions, farm.blobs, now=at)

    farm.sign("alice", ALICE, recipe, at=now + timedelta(days=365))
    assert ownership(now).last_signed(*asked) is None
    ownership(now).check("zlib", recipe.digest)
    farm.sign("alice", ALICE, recipe, at=now + timedelta(minutes=4))
    last = ownership(now).last_signed(*asked)
    assert last is not None
    assert now < last < now + timedelta(minutes=10)


def test_a_dependency_that_no_owner_has_signed_is_refused_although_it_is_never_released(farm: Builder) -> None:
    farm.build(farm.recipe("zlib"))
    png = farm.recipe("png", needs=("zlib",))
    farm.sign("ben", BEN, png)
    with refuses("unsigned-recipe", match="recipe zlib"):
        farm.check(farm.build(png))


def test_the_recipe_whose_tests_count_is_an_owners_too_and_of_the_same_plan(farm: Builder) -> None:
    recipe = farm.recipe("zlib")
    tested = farm.recipe("zlib", more="tests: [{name: none, command: [/bin/true]}]\n")
    other = farm.recipe("zlib", more="environment: {CFLAGS: -O0}\n")
    farm.sign("alice", ALICE, recipe)
    package = replace(farm.build(recipe), tests=tested.digest)
    with refuses("unsigned-recipe", match=str(tested.digest)):
        farm.check(package)
    farm.sign("alice", ALICE, tested)
    assert farm.check(package) == ["zlib"]
    farm.sign("alice", ALICE, other)
    with pytest.raises(PlanMismatchError):
        farm.check(replace(package, tests=other.digest))


def test_a_submission_counts_all_together(farm: Builder) -> None:
    """As a whole: with an owner's signature for each of its recipes, even if somebody brought one of them alone."""
    zlib, png = farm.recipe("zlib"), farm.recipe("png")
    farm.sign("alice", ALICE, zlib, png)
    package = farm.build(zlib)
    with refuses("unsigned-recipe", match=r"alice has signed the recipe zlib .* together with png") as refused:
        farm.check(package)
    assert "Let ben sign png" in refused.value.remedy
    assert "alice submit zlib without it" in refused.value.remedy
    farm.sign("mallory", MALLORY, zlib, png)
    farm.sign("ben", BEN, farm.recipe("png", version="2"))
    with refuses("unsigned-recipe"):
        farm.check(package)
    farm.sign("ben", BEN, png)
    assert farm.check(package) == ["zlib"]
    assert farm.check(farm.build(png)) == ["png"]


def test_what_an_owner_has_signed_alone_counts_whatever_else_it_was_submitted_with(farm: Builder) -> None:
    zlib, png = farm.recipe("zlib"), farm.recipe("png")
    farm.sign("alice", ALICE, zlib, png)
    farm.sign("alice", ALICE, zlib)
    assert farm.check(farm.build(zlib)) == ["zlib"]


def test_two_halves_do_not_make_each_other_whole(farm: Builder) -> None:
    zlib, png, jq = farm.recipe("zlib"), farm.recipe("png"), farm.recipe("jq")
    pngs = farm.recipe("pngs")
    farm.sign("alice", ALICE, zlib, png)
    farm.sign("ben", BEN, png, jq)
    package = farm.build(zlib)
    with refuses("unsigned-recipe", match="together with png"):
        farm.check(package)
    farm.sign("alice", ALICE, jq, pngs)
    with refuses("unsigned-recipe", match="together with png"):
        farm.check(package)
    farm.sign("ben", BEN, pngs)
    assert farm.check(package) == ["zlib"]


def test_what_is_released_needs_nothing_more_of_what_it_was_submitted_with(farm: Builder) -> None:
    """Otherwise a new owner of one recipe would invalidate the signatures on a thousand others."""
    zlib, png, jq = farm.recipe("zlib"), farm.recipe("png"), farm.recipe("jq")
    farm.sign("alice", ALICE, zlib, png)
    farm.sign("alice", ALICE, jq, png)
    package, other = farm.build(zlib), farm.build(jq)
    farm.released = {("zlib", zlib.digest)}
    assert farm.check(package) == ["zlib"]
    with refuses("unsigned-recipe", match="together with png"):
        farm.check(other)
    with refuses("unsigned-recipe", match="no owner has signed the recipe png"):
        farm.check(farm.build(png))
    farm.released = {("png", png.digest)}
    assert farm.check(package) == ["zlib"]
    assert farm.check(other) == ["jq"]
    farm.released = {("png", jq.digest)}
    with refuses("unsigned-recipe"):
        farm.check(package)


def test_what_was_withdrawn_counts_for_nothing_but_what_is_released_already(farm: Builder) -> None:
    zlib, png = farm.recipe("zlib"), farm.recipe("png")
    farm.sign("alice", ALICE, zlib, png)
    farm.sign("ben", BEN, zlib, png)
    package = farm.build(zlib)
    assert farm.check(package) == ["zlib"]
    of_alice, of_ben = (shown_submission(farm.blobs.read(submission)).statement for submission in farm.submissions)
    farm.withdrawn = {of_alice: "bob"}
    with refuses("unsigned-recipe", match=r"alice has signed the recipe zlib .*, and bob has withdrawn that"):
        farm.check(package)
    farm.released = {("zlib", zlib.digest)}
    assert farm.check(package) == ["zlib"]
    farm.released, farm.withdrawn = (), {of_ben: "ben"}
    with refuses("unsigned-recipe", match="together with png"):
        farm.check(package)
    farm.withdrawn = {of_alice: "bob", of_ben: "ben"}
    farm.sign("alice", ALICE, zlib)
    assert farm.check(package) == ["zlib"]


def test_rubbish_among_the_envelopes_counts_for_nothing(farm: Builder) -> None:
    recipe = farm.recipe("zlib")
    farm.submissions += [farm.blobs.put_bytes(b"rubbish"), Digest.of(b"not there")]
    farm.sign("alice", ALICE, recipe)
    assert farm.check(farm.build(recipe)) == ["zlib"]
