"""An agreement after the release: the next release names it, and nothing else is rewritten for that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.checker.builds.release_check import check_release
from farm.checker.reading.change import ReleaseChange
from farm.checker.reading.published_identities import PublishedRecord
from farm.server.channels import releases
from farm.server.jobs.leases import claim
from farm.trust.index.release_index import Release
from farm.trust.index.tree import difference
from farm.trust.metadata.repository import Repository
from tests.farms.small import recipe
from tests.server.jobs.test_rebuilds import rebuild
from tests.threats.test_row_16_rebuilds import farm

if TYPE_CHECKING:
    from pathlib import Path

    from tests.threats.test_row_16_rebuilds import KeyedFarm

__all__ = ["farm"]


def settle(farm: KeyedFarm) -> None:
    """Let `one` build what is new and `two` rebuild it, until the channel has released it."""
    for worker in ("one", "two"):
        while lease := claim(farm.application, farm.workers[worker]):
            farm.report(lease)
        farm.pipeline.advance()


def released_with(farm: KeyedFarm, name: str) -> None:
    farm.submit(recipe(name))
    settle(farm)


def published(farm: KeyedFarm, number: int) -> Release:
    with farm.application.reading() as unit:
        record = releases.release(unit.session, "edge", number)
    assert record is not None
    return Release.from_json(farm.public.read(record.digest))


def written(farm: KeyedFarm, number: int) -> list[str]:
    """The packages whose entries release `number` has written."""
    before, after = published(farm, number - 1), published(farm, number)
    return sorted(entry.name for entry in difference(farm.read, before.index, after.index).put)


def test_the_next_release_names_who_has_agreed_since_and_writes_no_other_entry(farm: KeyedFarm, tmp_path: Path) -> None:
    farm.submit(recipe("b"))
    settle(farm)
    assert (farm.releases(), farm.published_builders()) == (1, {"one", "two"})
    rebuild(farm, "a")
    farm.report(farm.claim("three"))
    farm.pipeline.advance()
    assert farm.releases() == 1, "an agreement alone is no reason for a release"
    released_with(farm, "c")
    assert (farm.releases(), farm.published_builders()) == (2, {"one", "two", "three"})
    assert written(farm, 2) == ["a", "c"]
    builders = Repository(farm.public.root.parent).builders()
    change = ReleaseChange.of(published(farm, 2), published(farm, 1), farm.public)
    check_release(change, farm.public, builders, PublishedRecord(tmp_path / "record"))  # the signer accepts it
    assert [entry.name for entry in change.put] == ["a", "c"]
    released_with(farm, "d")
    assert written(farm, 3) == ["d"]


def test_a_builder_that_is_not_on_the_signed_list_holds_no_release_up(farm: KeyedFarm) -> None:
    settle(farm)
    farm.enrol("four")
    rebuild(farm, "a")
    farm.report(farm.claim("four"))
    released_with(farm, "c")
    assert (farm.releases(), farm.published_builders()) == (2, {"one", "two"})
    assert written(farm, 2) == ["c"]


def test_an_agreement_that_bears_an_earlier_time_than_the_release_is_not_forgotten(farm: KeyedFarm) -> None:
    farm.report(farm.claim("one"))
    farm.pipeline.advance()
    farm.report(farm.claim("two"))
    farm.clock.passes(60)
    farm.pipeline.advance()
    assert farm.releases() == 1
    rebuild(farm, "a")
    lease = farm.claim("three")
    farm.clock.passes(-30)
    farm.report(lease)
    farm.clock.passes(30)
    released_with(farm, "c")
    assert farm.published_builders() == {"one", "two", "three"}
