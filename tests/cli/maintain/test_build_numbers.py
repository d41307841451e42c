"""A build number as a subscriber sees it: from the signed provenance, wherever a version is shown."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from farm.client.root.generation import Generation
from farm.client.root.generations import Root
from farm.core.sets.members.set_record import SetRecord
from tests.cli.inspect.test_knowing import COMMAND, done, farm, json_of
from tests.client.distribution import SmallDistribution
from tests.core.advisories.osv_documents import osv
from tests.foreign.neighbours import announce

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.inspect.test_knowing import Farm

__all__ = ["COMMAND", "farm"]


@pytest.fixture
def distribution(tmp_path: Path) -> SmallDistribution:
    """`say 1.0-1`, then a rebuild by the farm: `say 1.0-1+b2`."""
    made = SmallDistribution(tmp_path / "distribution")
    made.package("say", {"bin/say": "\x7fsay"})
    made.publish()
    return made


def built_again(distribution: SmallDistribution) -> None:
    distribution.package("say", {"bin/say": "\x7fsay again"})
    distribution.publish()


def test_an_upgrade_tells_which_build_takes_the_place_of_which(
    distribution: SmallDistribution, farm: Farm, tmp_path: Path
) -> None:
    done(farm("install", "--root", "root", "say"))
    assert "1.0-1 " in done(farm("list", "--root", "root"))
    built_again(distribution)
    assert "say 1.0-1 → 1.0-1+b2" in done(farm("upgrade", "--root", "root"))
    assert "1.0-1+b2" in done(farm("list", "--root", "root"))
    assert json_of(farm("list", "--root", "root", "--json"))["packages"][0]["build"] == 2
    changes = json_of(farm("list", "--root", "root", "--generations", "--json"))
    assert "1.0-1+b2" in json.dumps(changes)


def test_every_verb_that_shows_a_package_shows_its_number(
    distribution: SmallDistribution, farm: Farm, tmp_path: Path
) -> None:
    built_again(distribution)
    assert "1.0-1+b2" in done(farm("info", "say"))
    assert json_of(farm("info", "say", "--json"))["build"] == 2
    done(farm("install", "--root", "root", "say"))
    assert "say 1.0-1+b2" in done(farm("provenance", "say"))
    assert "say 1.0-1+b2" in done(farm("provenance", "--root", "root", "say"))
    done(farm("image", "build", "say", "--tag", "say:1", "--no-load"))
    assert "1.0-1+b2" in done(farm("image", "inspect", "say:1"))
    done(farm("image", "build", "say", "--output", "say-oci", "--no-load"))
    assert "1.0-1+b2" in done(farm("image", "inspect", "say-oci"))
    documents = [path.read_bytes() for path in (tmp_path / "say-oci" / "blobs" / "sha256").iterdir()]
    assert any(b'"versionInfo":"1.0-1+b2"' in document for document in documents), "the image's own bill of materials"
    announce(distribution, osv(package="say", fixed="2.0"))
    assert "1.0-1+b2" in done(farm("audit", "--root", "root"), 3)
    assert "1.0-1+b2" in done(farm("audit", "say-oci"), 3)


def test_a_lock_file_does_not_say_it_and_who_installs_by_it_knows_it(
    distribution: SmallDistribution, farm: Farm, tmp_path: Path
) -> None:
    built_again(distribution)
    lock = done(farm("lock", "say"))
    assert "build" not in lock, "an older client reads it"
    (tmp_path / "farm.lock").write_text(lock)
    done(farm("install", "--root", "root", "--locked", "farm.lock"))
    assert "1.0-1+b2" in done(farm("list", "--root", "root"))


def test_a_client_of_before_reads_what_is_recorded_of_a_root(
    distribution: SmallDistribution, farm: Farm, tmp_path: Path
) -> None:
    built_again(distribution)
    done(farm("install", "--root", "root", "say"))
    state = Root(tmp_path / "root").installed()
    assert state.set.builds == {"dist.example.org/say": 2}
    form = json.loads(state.to_json())
    assert form["builds"] == {"dist.example.org/say": 2}
    # It reads the members that it knows, and checks each member of the set strictly.
    before = SetRecord.from_json(json.dumps(form["set"]).encode())
    assert (before, before.builds) == (state.set, {})
    del form["builds"]
    assert Generation.from_json(json.dumps(form).encode()).set == state.set


@pytest.mark.parametrize("wrong", [[1], {"dist.example.org/say": "2"}, {"dist.example.org/say": -3}, "x", None])
def test_numbers_that_are_none_keep_nobody_from_reading_a_root(
    distribution: SmallDistribution, farm: Farm, tmp_path: Path, wrong: object
) -> None:
    done(farm("install", "--root", "root", "say"))
    form = json.loads(Root(tmp_path / "root").installed().to_json())
    read = Generation.from_json(json.dumps(form | {"builds": wrong}).encode())
    assert [package.full_version for package in read.set.packages] == ["1.0-1"]


def test_an_image_is_given_the_very_build_that_is_asked_for(
    distribution: SmallDistribution, farm: Farm, tmp_path: Path
) -> None:
    for content in ("again", "once more"):
        distribution.package("say", {"bin/say": f"\x7fsay {content}"})
        distribution.publish()
    done(farm("image", "build", "say", "--tag", "say:1", "--no-load"))
    assert "say 1.0-1+b3 → 1.0-1+b2" in done(
        farm("image", "update", "say:1", "say", "--to", "1.0-1+b2", "--tag", "say:2", "--no-load")
    )
    assert "1.0-1+b2" in done(farm("image", "inspect", "say:2"))
    refused = farm("image", "update", "say:1", "say", "--to", "1.0-1+b4", "--tag", "say:2", "--no-load")
    assert "holds say 1.0-1+b4" in refused.stderr
