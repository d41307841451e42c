"""An honest pipeline's releases of recipes with several outputs are signed: its atoms match the signer's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from farm.server.channels import excuses, releases
from farm.server.curation import curation, ordering
from farm.trust.attestation.curator_order import Act
from farm.trust.index.tree import IndexTree
from tests.attack import scenario
from tests.attack.scenario import CURATOR, LIBS, ordered, recipe_with_test

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from farm.trust.index.release_index import ReleaseEntry
    from tests.attack.attacks import Range
    from tests.attack.farm import AttackedFarm

PARTS = "outputs: {parts: [lib/**]}\n"


@pytest.fixture
def farm(attack_range: Range, tmp_path: Path) -> Iterator[AttackedFarm]:
    farm = attack_range.copy(tmp_path / "farm")
    farm.takes_up()
    farm.rests()
    yield farm
    assert not farm.errors
    for channel in scenario.POLICIES:
        with farm.application.reading() as unit:
            held = [excuse.excuse for excuse in excuses.open_excuses(unit.session, channel)]
        assert [excuse.reason for excuse in held if excuse.gate == "signer"] == []
    farm.close()


def holds(farm: AttackedFarm, channel: str, *recipes: str) -> dict[str, str]:
    """The packages of some recipes that a channel holds: versions by name."""
    entries = (_entry(farm, channel, f"{name}{part}") for name in recipes for part in ("", "-libs", "-parts"))
    return {entry.name: entry.version for entry in entries if entry}


def _entry(farm: AttackedFarm, channel: str, name: str) -> ReleaseEntry | None:
    release = farm.release(channel)
    if release is None:
        return None
    return IndexTree(lambda blob: farm.blobs.read(blob.digest), release.index).entry(name)


def rolls_back(farm: AttackedFarm, channel: str, number: int) -> None:
    with farm.application.reading() as unit:
        old = releases.release(unit.session, channel, number)
        assert old is not None
    signed = ordered(farm, Act.ROLLBACK, channel, target=old.digest, reason="it was too new")
    with farm.application.writing() as unit:
        ordering.rollback(unit, CURATOR, channel, number, why="it was too new", envelope=signed)
    farm.rests()


def promotes(farm: AttackedFarm, channel: str, *names: str) -> None:
    newest = farm.release("edge")
    assert newest is not None
    packages = dict.fromkeys(names)
    signed = ordered(farm, Act.PROMOTE, channel, origin="edge", target=newest.digest, packages=packages)
    with farm.application.writing() as unit:
        ordering.promote(unit, CURATOR, channel, origin="edge", packages=names, envelope=signed)
    farm.rests()


def test_outputs_are_renamed_rolled_back_and_brought_again(farm: AttackedFarm) -> None:
    before = farm.release("edge")
    assert before is not None
    assert holds(farm, "edge", "duo") == {"duo": "1.0", "duo-libs": "1.0"}
    farm.submits(recipe_with_test("duo", "3.0", more=PARTS))
    farm.rests()
    renamed = {"duo": "3.0", "duo-parts": "3.0"}
    assert holds(farm, "edge", "duo") == holds(farm, "twice", "duo") == renamed
    rolls_back(farm, "edge", before.number)
    assert holds(farm, "edge", "duo") == {"duo": "1.0", "duo-libs": "1.0"}
    farm.submits(recipe_with_test("lone", "2.0"))
    farm.rests()
    assert holds(farm, "edge", "duo", "lone") == {"duo": "1.0", "duo-libs": "1.0", "lone": "2.0"}
    farm.submits(recipe_with_test("duo", "4.0", more=PARTS))
    farm.rests()
    # Packages kept by a rollback need a curator's order to move; packages that move together with them follow then.
    with farm.application.writing() as unit:
        ordering.retry(unit, CURATOR, "edge", packages=["duo-libs"])
    farm.rests()
    assert holds(farm, "edge", "duo") == {"duo": "4.0", "duo-parts": "4.0"}


def test_a_rollback_to_a_release_without_them_takes_both_out_and_a_retry_brings_both(farm: AttackedFarm) -> None:
    before = farm.release("edge")
    assert before is not None
    farm.submits(recipe_with_test("trio", more=LIBS))
    farm.rests()
    both = {"trio": "1.0", "trio-libs": "1.0"}
    assert holds(farm, "edge", "trio") == both
    rolls_back(farm, "edge", before.number)
    assert holds(farm, "edge", "trio") == {}
    with farm.application.reading() as unit:
        digests = {excuse.excuse.package: excuse.excuse.digest for excuse in excuses.open_excuses(unit.session, "edge")}
    signed = ordered(farm, Act.RETRY, "edge", packages={"trio": digests["trio"]})
    with farm.application.writing() as unit:
        ordering.retry(unit, CURATOR, "edge", packages=["trio"], envelope=signed)
    farm.rests()
    assert holds(farm, "edge", "trio") == both


def test_what_is_held_waits_with_its_library_and_comes_once_it_is_let_go(farm: AttackedFarm) -> None:
    assert holds(farm, "edge", "pair") == {"pair": "1.0", "pair-libs": "1.0"}
    lift = ordered(farm, Act.LIFT, "edge", packages={"pair": None})
    with farm.application.writing() as unit:
        curation.lift(unit, CURATOR, "edge", "pair", envelope=lift)
    farm.rests()
    assert holds(farm, "edge", "pair") == {"pair": "2.0", "pair-libs": "2.0"}


def test_single_packages_are_promoted_and_the_others_follow(farm: AttackedFarm) -> None:
    """Slow admits nothing automatically yet."""
    promotes(farm, "slow", "duo")
    assert holds(farm, "slow", "duo") == {"duo": "1.0"}
    promotes(farm, "slow", "duo-libs")
    assert holds(farm, "slow", "duo") == {"duo": "1.0", "duo-libs": "1.0"}
    farm.submits(recipe_with_test("duo", "3.0", more=LIBS))
    farm.rests()
    promotes(farm, "slow", "duo-libs")
    assert holds(farm, "slow", "duo") == {"duo": "1.0", "duo-libs": "3.0"}
    promotes(farm, "slow", "duo")
    assert holds(farm, "slow", "duo") == {"duo": "3.0", "duo-libs": "3.0"}
    promotes(farm, "slow")
    held, newest = farm.release("slow"), farm.release("edge")
    assert held is not None
    assert newest is not None
    # All packages except the one with an open report: nobody promotes that one.
    assert _entry(farm, "slow", "reported") is None
    assert held.packages == newest.packages - 1


def test_the_build_that_stands_for_one_that_was_dropped_goes_on(farm: AttackedFarm) -> None:
    """The rebuilds have the same files, and newer tests belong to that plan."""
    farm.hands.same = frozenset({"trio"})
    with farm.application.writing() as unit:
        releases.ensure_channel(unit.session, "edge", '{"rebuild":"always"}')
    needing = {"needs": ("lib",), "more": f"requires: [lib]\n{LIBS}"}
    farm.submits(recipe_with_test("trio", **needing))
    farm.rests()
    first = [_entry(farm, "edge", name) for name in ("trio", "trio-libs")]
    farm.submits(recipe_with_test("lib", "2.0"))
    farm.rests()
    assert holds(farm, "edge", "lib", "trio") == {"lib": "2.0", "trio": "1.0", "trio-libs": "1.0"}
    now = [_entry(farm, "edge", name) for name in ("trio", "trio-libs")]
    assert [package and package.descriptor for package in now] == [package and package.descriptor for package in first]
    farm.submits(recipe_with_test("trio", **(needing | {"more": needing["more"] + "# the same\n"})))
    farm.submits(recipe_with_test("lib", "3.0"))
    farm.rests()
    assert holds(farm, "edge", "lib", "trio") == {"lib": "3.0", "trio": "1.0", "trio-libs": "1.0"}
