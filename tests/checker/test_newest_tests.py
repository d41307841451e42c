"""Once a release has named newer tests for a package, no later one goes back to older ones; but an owner may."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from securesystemslib.signer import CryptoSigner

from farm.trust.attestation.curator_order import Act
from farm.trust.ceremony.ceremony import sign_policy
from farm.trust.metadata.repository import Repository
from tests.checker.channel import Channel, opened_channel
from tests.refusing import refuses

if TYPE_CHECKING:
    from pathlib import Path

    from farm.core.recipe.recipe import Recipe
    from tests.checker.built import Package

ALICE, TESTER = CryptoSigner.generate_ed25519(), CryptoSigner.generate_ed25519()
TESTED = "tests: [{name: works, command: [/usr/bin/%s]}]\n"
POLICY = b"gates: [proof, tests: {of: changed}]\n"


@dataclass
class Named:
    """Edge has released `jq`, and then named the newer of two recipes with the same plan, all of them Alice's."""

    edge: Channel
    recipes: tuple[Recipe, Recipe, Recipe]
    package: Package

    def sign(self, recipe: Recipe | None) -> None:
        """Ask for a release whose entry of `jq` names a recipe for its tests."""
        jq = replace(self.package, tests=recipe.digest if recipe else None)
        self.edge.sign(jq, submissions=tuple(self.edge.builder.submissions))


@pytest.fixture
def named(tmp_path: Path) -> Named:
    edge = opened_channel(tmp_path, POLICY, testers=[TESTER])
    builder = edge.builder
    public = str(ALICE.public_key.keyval["public"]).encode()
    builder.owners = {"curators.yaml": b"curators: {alice: '%s'}\n" % public, "OWNERS": b"* alice\n"}
    sign_policy(Repository(edge.public), edge.keys, builder.policy(), edge.now)
    first, second, third = (builder.recipe("jq", more=TESTED % name) for name in ("one", "two", "three"))
    for recipe in (first, second, third):
        builder.sign("alice", ALICE, recipe)
    jq = builder.build(first)
    edge.sign(jq, tests=[builder.test("jq", ["jq"], TESTER)], submissions=tuple(builder.submissions))
    made = Named(edge, (first, second, third), jq)
    made.sign(second)
    return made


def test_none_is_as_old_as_the_build(named: Named) -> None:
    with refuses("older-tests", match="and release 2 of edge has named a newer one") as refused:
        named.sign(None)
    assert set(refused.value.by_package) == {"jq"}
    named.edge.decision = named.edge.deciding()
    with refuses("older-tests"):
        named.sign(None)


def test_the_same_and_newer_ones_are_named_and_what_they_replaced_is_not(named: Named) -> None:
    _, second, third = named.recipes
    named.sign(third)
    for older in (None, second):
        with refuses("older-tests", match="release 3 of edge has named"):
            named.sign(older)
    named.sign(third)
    assert named.edge.released == 4


def test_a_record_that_is_lost_is_filled_anew(named: Named) -> None:
    edge, (first, second, _) = named.edge, named.recipes
    (edge.record.directory / "tests.sqlite").unlink()
    edge.decision = edge.deciding()
    with refuses("older-tests"):
        named.sign(first)
    named.sign(second)


def test_an_owner_goes_back_by_submitting_it_again(named: Named) -> None:
    edge, (first, *_) = named.edge, named.recipes
    edge.builder.sign("alice", ALICE, first, at=edge.now - timedelta(hours=1))
    with refuses("older-tests"):
        named.sign(None)
    edge.builder.sign("alice", ALICE, first)
    named.sign(None)
    assert edge.released == 3


def test_a_rollback_names_none_and_what_follows_names_the_newest_again(named: Named) -> None:
    edge = named.edge
    other = edge.builder.recipe("zlib")
    edge.builder.sign("alice", ALICE, other)
    target = edge.newest().digest
    zlib = edge.builder.build(other)
    edge.sign(zlib, submissions=tuple(edge.builder.submissions))
    order = edge.order(Act.ROLLBACK, target=target)
    edge.sign(replace(named.package, tests=None), remove=["zlib"], orders=[order])
    with refuses("older-tests"):
        named.sign(named.recipes[0])
    named.sign(named.recipes[1])
    assert edge.released == 5
