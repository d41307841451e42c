"""A builder's key is stolen and removed from the list: honest control continues, and lists what must be rebuilt."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from farm.server.channels import excuses
from farm.server.curation import ordering
from farm.server.identities import identities
from farm.trust.attestation.curator_order import Act
from farm.trust.attestation.dsse import named_keys
from farm.trust.ceremony.drafting import TargetsEdit, draft_targets
from farm.trust.ceremony.promotion import publish_draft
from farm.trust.index.tree import entries
from farm.trust.keys.key_files import load_key
from farm.trust.keys.signers import read_signers
from farm.trust.metadata.repository import Repository
from tests.attack.farm import NOT_REPRODUCED, key_of
from tests.attack.scenario import CURATOR, ordered, recipe_with_test

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from farm.server.channels.excuses import Excuse
    from farm.trust.index.release_index import ReleaseEntry
    from tests.attack.attacks import Range
    from tests.attack.farm import AttackedFarm


@pytest.fixture
def farm(attack_range: Range, tmp_path: Path) -> Iterator[AttackedFarm]:
    farm = attack_range.copy(tmp_path / "farm")
    farm.takes_up()
    farm.rests()
    _remove(farm, "builder", instead="mallory")
    yield farm
    assert not farm.errors
    farm.close()


def _remove(farm: AttackedFarm, name: str, *, instead: str) -> None:
    place, now = Repository(farm.public), datetime.now(UTC)
    edit = TargetsEdit(remove_builders=(key_of(name).public_key.keyid,), allow_builders=(key_of(instead).public_key,))
    draft = draft_targets(place, edit, now).signed_by(load_key(farm.folder / "keys/offline/targets"))
    publish_draft(place, draft, read_signers(farm.folder / "keys/online"), now)
    with farm.application.writing() as unit:
        assert identities.revoke_worker(unit.session, name, now=unit.now)
    farm.hands.workers[name] = farm.hands.workers["again"]  # another worker gets the jobs of the removed one


def held_back(farm: AttackedFarm) -> dict[str, Excuse]:
    with farm.application.reading() as unit:
        standing = [excuse.excuse for excuse in excuses.open_excuses(unit.session, "edge")]
    return {excuse.package: excuse for excuse in standing if excuse.gate == "signer"}


def holds(farm: AttackedFarm) -> dict[str, str]:
    return {entry.name: entry.version for entry in _entries(farm)}


def _entries(farm: AttackedFarm, channel: str = "edge") -> list[ReleaseEntry]:
    release = farm.release(channel)
    assert release is not None
    return list(entries(lambda blob: farm.blobs.read(blob.digest), release.index))


def test_what_was_built_with_its_packages_waits_for_others_and_is_told_of(farm: AttackedFarm) -> None:
    """Two builders had produced the same `lib`; the rebuild of `lone` has other files."""
    before, entries_before = held_back(farm).keys(), _entries(farm)
    farm.submits(recipe_with_test("sound", needs=("lib",)), recipe_with_test("tainted", needs=(NOT_REPRODUCED,)))
    farm.rests()
    assert holds(farm)["sound"] == "1.0"
    written = {entry.name for entry in _entries(farm) if entry not in entries_before}
    assert written == {"sound"}, "also `next`, of which another has come to the same since, stays as it is"
    held = held_back(farm)
    assert held.keys() - before == {"tainted"}
    assert "tainted 1.0-1 was built against" in held["tainted"].reason
    assert f"/{NOT_REPRODUCED} 1.0-1, and no allowed builder has attested that" in held["tainted"].reason
    assert f"Raise the revision in the recipe that makes {NOT_REPRODUCED}," in held["tainted"].remedy
    farm.submits(recipe_with_test(NOT_REPRODUCED, "1.1"), recipe_with_test("tainted", "1.1", needs=(NOT_REPRODUCED,)))
    farm.rests()
    assert (holds(farm)[NOT_REPRODUCED], holds(farm)["tainted"]) == ("1.1", "1.1")
    assert held_back(farm).keys() == before


def test_what_another_builder_came_to_as_well_comes_into_a_channel_by_the_word_of_that_one(farm: AttackedFarm) -> None:
    newest = farm.release("edge")
    assert newest is not None
    signed = ordered(farm, Act.PROMOTE, "slow", origin="edge", target=newest.digest, packages={"lib": None})
    with farm.application.writing() as unit:
        ordering.promote(unit, CURATOR, "slow", origin="edge", packages=["lib"], envelope=signed)
    farm.rests()
    (lib,) = _entries(farm, "slow")
    assert (lib.name, lib.rebuilds) == ("lib", ())
    assert named_keys(farm.blobs.read(lib.provenance.digest)) == {key_of("again").public_key.keyid}
