"""Links that runs have mounted: repaired without a change of what is mounted, and removed when unused."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from farm.client.gc.collect import collect_garbage
from farm.client.repository.host import composition_of
from farm.client.root.known_roots import states
from farm.client.run.links import links_directory
from farm.client.run.record import append_run, run_form
from tests.client.images import subscribe
from tests.client.installing import install
from tests.refusing import refuses

if TYPE_CHECKING:
    from farm.client.repository.host import Host
    from farm.core.sets.composition.compose import Composition
    from tests.client.distribution import SmallDistribution

NOW = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture
def composition(host: Host, distribution: SmallDistribution) -> Composition:
    subscribe(host, distribution)
    return composition_of(host.catalogue().verified(["alone"]))


def test_whole_links_are_taken_as_they_are(host: Host, composition: Composition) -> None:
    links = links_directory(host.state, composition)
    made = links.stat()
    assert links_directory(host.state, composition).stat().st_ino == made.st_ino
    assert list(host.state.glob("links/[!.]*")) == [links]


def test_altered_links_are_made_anew_beside_those_that_a_run_may_have_mounted(
    host: Host, composition: Composition
) -> None:
    links = links_directory(host.state, composition)
    (links / "usr/share/alone").unlink()
    (links / "usr/share/mine").touch()
    mounted = os.open(links / "usr/share", os.O_RDONLY)
    try:
        assert links_directory(host.state, composition) == links
        assert [path.name for path in Path(f"/proc/self/fd/{mounted}").iterdir()] == ["mine"]
    finally:
        os.close(mounted)
    assert [path.name for path in (links / "usr/share").iterdir()] == ["alone"]


def test_what_a_killed_run_has_left_is_no_hindrance(host: Host, composition: Composition) -> None:
    (host.state / "links/.new/usr/bin").mkdir(parents=True)
    assert (links_directory(host.state, composition) / "usr/share/alone").is_symlink()


@pytest.mark.parametrize(("days", "stays"), [(29, True), (31, False)])
def test_links_stay_as_long_as_runs_count(
    host: Host, composition: Composition, tmp_path: Path, days: int, *, stays: bool
) -> None:
    links = links_directory(host.state, composition)
    shutil.rmtree(links / "etc")
    links_directory(host.state, composition)
    record = install(host, tmp_path / "root", "alone").set
    at = (NOW - timedelta(days=days)).isoformat()
    append_run(str(host.state), at, run_form(record, links), "x", "bubblewrap")
    log = host.state / "runs.jsonl"
    log.write_text(log.read_text().replace('"pid"', '"none"'))  # it has ended
    assert collect_garbage(host, NOW, dry_run=True).links == (0 if stays else 2)
    assert len(list(host.state.glob("links/[!.]*"))) == 2
    collect_garbage(host, NOW)
    assert len(list(host.state.glob("links/[!.]*"))) == (2 if stays else 0)


def test_links_of_what_runs_now_stay(host: Host, composition: Composition, tmp_path: Path) -> None:
    links = links_directory(host.state, composition)
    record = install(host, tmp_path / "root", "alone").set
    append_run(str(host.state), "2020-01-01T00:00:00Z", run_form(record, links), "x", "bubblewrap")
    collect_garbage(host, NOW)
    assert (links / "usr/share/alone").is_symlink()


def test_a_package_that_was_exchanged_stays_for_what_runs_from_it(
    host: Host, composition: Composition, tmp_path: Path
) -> None:
    verified = host.catalogue().verified(["alone"])
    (place,) = host.unpack(verified, lambda _blob: None).values()
    (place / "mine").touch()
    host.unpack(verified, lambda _blob: None)
    record = install(host, tmp_path / "root", "alone").set
    links = links_directory(host.state, composition)
    append_run(str(host.state), "2020-01-01T00:00:00Z", run_form(record, links), "x", "bubblewrap")
    collect_garbage(host, NOW)
    assert [(path / "mine").exists() for _, path in host.cache.aside()] == [True]
    (host.state / "runs.jsonl").unlink()
    collect_garbage(host, NOW)
    assert not host.cache.aside()


def test_a_state_that_this_user_may_not_read_is_named(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    host.states.add(other)
    assert other in states(host)
    monkeypatch.setattr(os, "access", lambda path, _mode: path != other)
    with refuses("unreadable-state", match=f"{other} also uses {host.shared}"):
        collect_garbage(host, NOW)
