"""The directory of kept builds: complete or not there, within its budget, and nothing removed that is in use."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from farm.build.kept.kept_builds import KeptBuilds, _Unfinished
from farm.build.kept.record import KeptBuild
from farm.build.kept.source_states import source_states
from farm.cli.main import main
from farm.container.disk_allowance import disk_usage
from farm.core.names.digest import Digest
from farm.core.plan.job import BlobRef, BuildOrder
from farm.core.recipe.recipe import Limits, Step
from tests.core.plan.values import bare_plan
from tests.refusing import refuses

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KB = 1024


def build(name: str = "thing", *, kept: str = "2026-12-01T12:00:00Z") -> KeptBuild:
    plan = replace(bare_plan(name), steps=(Step("compile", "make"),))
    order = BuildOrder(plan, Digest.of(b"recipe"), (), Limits(), ())
    archive = BlobRef(Digest.of(b"toolchain"), 1)
    return KeptBuild(order, "c", archive, "failed", 0, "it failed", 2, kept)


def workspace(place: Path, size: int = 10) -> Path:
    for name in ("build/src", "tmp", "out"):
        (place / name).mkdir(parents=True)
    (place / "build/src/main.c").write_bytes(b"x" * size)
    return place


def deep(place: Path, levels: int, name: str = "d" * 20) -> None:
    """Make so many directories in each other."""
    descriptor = os.open(place, os.O_RDONLY)
    for _ in range(levels):
        os.mkdir(name, dir_fd=descriptor)
        below = os.open(name, os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = below
    os.close(descriptor)


@pytest.fixture
def kept(tmp_path: Path) -> KeptBuilds:
    return KeptBuilds.open(tmp_path / "kept", 1 << 30)


def names(kept: KeptBuilds) -> list[str]:
    return [tree.name for tree in kept.all()]


def trees_in(root: Path) -> list[str]:
    """Return the directories of kept builds, also unfinished ones: all but the numbers that were given."""
    return [path.name for path in root.iterdir() if not path.name.startswith(".numbers")]


def test_a_workspace_is_kept_with_owners_times_links_and_holes(kept: KeptBuilds, tmp_path: Path) -> None:
    made = workspace(tmp_path / "workspace")
    source = made / "build/src/main.c"
    os.link(source, made / "build/again.c")
    (made / "build/elsewhere").symlink_to("/etc/passwd")
    with (made / "build/holes").open("wb") as file:
        file.truncate(1 << 30)
    os.chown(source, 1000, 1000)
    os.utime(source, ns=(1, 1_700_000_000_123_456_789))
    copy = kept.add(build(), made).workspace
    status = (copy / "build/src/main.c").stat()
    assert (status.st_uid, status.st_mtime_ns, status.st_nlink) == (1000, 1_700_000_000_123_456_789, 2)
    assert (copy / "build/elsewhere").readlink().as_posix() == "/etc/passwd"
    assert (copy / "build/holes").stat().st_size == 1 << 30
    assert disk_usage(copy) < 1 << 20


def test_it_is_found_by_its_name_and_the_newest_by_its_recipe(kept: KeptBuilds, tmp_path: Path) -> None:
    made = workspace(tmp_path / "workspace")
    first = kept.add(build(), made)
    first.recorded(replace(first.build, edited=True))
    kept.add(build(kept="2026-12-01T13:00:00Z"), made)
    assert names(kept) == ["thing@2", "thing@1"]
    found = [kept.find(name) for name in ("thing", "thing@1", "other")]
    assert [tree.name if tree else None for tree in found] == ["thing@2", "thing@1", None]
    with refuses("no-kept-build", "there is no kept build thing@3") as refused:
        kept.find("thing@3")
    assert "whose numbers are not versions: thing@1, thing@2." in str(refused.value.remedy)
    with refuses("no-kept-build", "there is no kept build other@1.0") as refused:
        kept.find("other@1.0")
    assert "`farm build other` keeps one that fails" in str(refused.value.remedy)


def test_of_a_recipe_stay_the_newest_and_those_that_were_edited(kept: KeptBuilds, tmp_path: Path) -> None:
    made = workspace(tmp_path / "workspace")
    for hour in range(10, 14):
        tree = kept.add(build(kept=f"2026-12-01T{hour}:00:00Z"), made)
        if hour in (10, 11):
            (tree.source_directory / "main.c").write_bytes(b"edited")
            kept.used(tree)
    kept.add(build("other"), made)
    assert sorted(names(kept)) == ["other@1", "thing@1", "thing@2", "thing@4"]
    kept.forget("thing")
    assert sorted(names(kept)) == ["other@1", "thing@1", "thing@2"]


def test_no_number_is_given_twice(kept: KeptBuilds, tmp_path: Path) -> None:
    made = workspace(tmp_path / "workspace")
    given = []
    for _ in range(2):
        tree = kept.add(build(), made)
        given.append(tree.name)
        kept.remove(tree)
    given += [KeptBuilds.open(kept.root, kept.budget).add(build(name), made).name for name in ("thing", "other")]
    assert given == ["thing@1", "thing@2", "thing@3", "other@1"]
    # As an earlier version left it: no number is recorded.
    (kept.root / ".numbers/thing").write_text("")
    assert kept.add(build(), made).name == "thing@4"


def test_edits_from_outside_of_a_shell_and_of_one_that_was_killed_stay(kept: KeptBuilds, tmp_path: Path) -> None:
    made = workspace(tmp_path / "workspace")
    edited = kept.add(build(kept="2026-12-01T10:00:00Z"), made)
    (edited.source_directory / "main.c").write_bytes(b"edited with an editor of the host")
    kept.add(build(kept="2026-12-01T11:00:00Z"), made)
    kept.add(build(kept="2026-12-01T12:00:00Z"), made)
    assert names(kept) == ["thing@3", "thing@1"]
    kept.forget("thing")
    assert [(tree.name, tree.build.edited) for tree in kept.all()] == [("thing@1", True)]


def test_one_whose_list_of_sources_is_damaged_counts_as_edited(kept: KeptBuilds, tmp_path: Path) -> None:
    tree = kept.add(build(), workspace(tmp_path / "workspace"))
    (tree.path / "sources.json").write_text("{")
    kept.forget("thing")
    assert names(kept) == ["thing@1"]


def test_a_hostile_build_is_kept_or_refused_soon(kept: KeptBuilds, tmp_path: Path) -> None:
    """A file of 15 TB without content; directories in each other, deeper than a path or a recursion can be."""
    made = workspace(tmp_path / "workspace")
    with (made / "build/src/holes").open("wb") as file:
        file.truncate(15 << 40)
    tree = kept.add(build(), made)
    assert tree.sources["holes"].startswith(f"{15 << 40} at ")
    assert not tree.has_other_sources()
    for name, reason in (("d", "too long or too deep"), ("d" * 20, "File name too long|cannot (?:stat|create)")):
        deep(made / "build/src", 1500, name)
        with refuses("cannot-keep", reason) as refused:
            kept.add(build(), made)
        assert len(str(refused.value)) < 600
    assert trees_in(kept.root) == ["thing@1"]


def test_the_oldest_leave_when_all_are_over_the_budget_and_never_the_one_just_made(tmp_path: Path) -> None:
    made = workspace(tmp_path / "workspace", size=100 * KB)
    size = KeptBuilds.open(tmp_path / "measured", 0).add(build(), made).build.size
    assert size >= 100 * KB
    kept = KeptBuilds.open(tmp_path / "kept", 2 * size + size // 2)
    for hour, name in enumerate("abc", 10):
        kept.add(build(name, kept=f"2026-12-01T{hour}:00:00Z"), made)
    assert names(kept) == ["c@1", "b@1"]
    assert names(KeptBuilds.open(tmp_path / "measured", 0)) == ["thing@1"]


def test_what_was_edited_stays_over_the_budget_and_is_announced_with_how_to_keep_it(tmp_path: Path) -> None:
    made, said = workspace(tmp_path / "workspace", size=100 * KB), list[str]()
    kept = KeptBuilds.open(tmp_path / "kept", 0, said.append)
    for hour, name in enumerate("abc", 10):
        tree = kept.add(build(name, kept=f"2026-12-01T{hour}:00:00Z"), made)
        if name == "a":
            (tree.source_directory / "main.c").write_bytes(b"edited")
    assert names(kept) == ["c@1", "a@1"]
    assert said[-1].startswith("kept builds take ")
    assert "edits are not removed: a@1. `farm patch a@1` makes a patch" in said[-1]
    (kept.root / "a@1").rename(tmp_path / "elsewhere")
    said.clear()
    kept.add(build("d", kept="2026-12-01T14:00:00Z"), made)
    assert (names(kept), said) == (["d@1"], [])


def counted_states(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Return a list to which each directory is added whose files are read through."""
    read: list[Path] = []

    def noted(place: Path) -> dict[str, str]:
        read.append(place)
        return source_states(place)

    monkeypatch.setattr("farm.build.kept.kept_builds.source_states", noted)
    return read


def test_sources_are_read_through_once_to_make_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = KeptBuilds.open(tmp_path / "kept", 0)
    edited = kept.add(build("a", kept="2026-12-01T10:00:00Z"), workspace(tmp_path / "workspace"))
    (edited.source_directory / "main.c").write_bytes(b"edited")
    read = counted_states(monkeypatch)
    kept.add(build("b"), tmp_path / "workspace")
    assert read.count(edited.source_directory) == 1


def test_the_list_reads_sources_through_once_and_names_the_kind_as_the_table_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FARM_STATE", str(tmp_path / "state"))
    kept, made = KeptBuilds.open(tmp_path / "state" / "kept", 1 << 30), workspace(tmp_path / "workspace")
    tree = kept.add(replace(build(kept="2026-12-01T10:00:00Z"), stop="ended", farm_job=12), made)
    (tree.source_directory / "main.c").write_bytes(b"edited")
    other = kept.add(build("other"), made)
    read = counted_states(monkeypatch)
    with pytest.raises(SystemExit) as ended:
        main(["kept", "--json"])
    assert ended.value.code == 0
    listed = json.loads(capsys.readouterr().out)
    assert [(one["name"], one["kind"], one["job"], one["edited"]) for one in listed] == [
        ("other@1", "failed", None, False),
        ("thing@1", "of-job", 12, True),
    ]
    assert sorted(read) == sorted([tree.source_directory, other.source_directory])


def test_what_is_in_use_is_not_removed_and_not_resumed(kept: KeptBuilds, tmp_path: Path) -> None:
    tree = kept.add(build(), workspace(tmp_path / "workspace"))
    with tree.used():
        assert not kept.remove(tree)
        with tree.used():
            pass  # a second shell, or a patch
        with refuses("kept-build-in-use"), tree.used(alone=True):
            pass
    with tree.used(alone=True), refuses("kept-build-in-use"), tree.used():
        pass
    assert kept.remove(tree)
    with refuses("no-kept-build"), tree.used():
        pass


def test_removal_copes_with_any_owner_any_mode_and_paths_of_any_length(kept: KeptBuilds, tmp_path: Path) -> None:
    tree = kept.add(build(), workspace(tmp_path / "workspace"))
    place = tree.workspace / "build"
    (place / "closed").mkdir(mode=0o000)
    os.chown(place / "closed", 1000, 1000)
    deep(place, 3000)
    assert kept.remove(tree)
    assert trees_in(kept.root) == []


def test_a_killed_process_leaves_nothing_that_counts_and_the_next_one_removes_it(tmp_path: Path) -> None:
    made = workspace(tmp_path / "workspace", size=200 << 20)
    script = (
        "import sys, pathlib; from tests.build.kept.test_kept_builds import *\n"
        "KeptBuilds.open(pathlib.Path(sys.argv[1]), 1 << 30).add(build(), pathlib.Path(sys.argv[2]))"
    )
    root = tmp_path / "kept"
    process = subprocess.Popen([sys.executable, "-c", script, root, made])
    while not list(root.glob(".new-*/workspace/build/src/main.c")):
        assert process.poll() is None
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()
    (unfinished,) = (root / name for name in trees_in(root))
    assert unfinished.name.startswith(".new-")
    _until(lambda: KeptBuilds.open(root, 1 << 30).all() == () and not trees_in(root))


def test_one_that_is_being_made_is_left_alone(kept: KeptBuilds, tmp_path: Path) -> None:
    unfinished = _Unfinished(kept.root)
    KeptBuilds.open(kept.root, 0)
    assert unfinished.path.is_dir()
    unfinished.release()
    KeptBuilds.open(kept.root, 0)
    assert not unfinished.path.exists()


def test_what_cannot_be_copied_is_an_error_and_leaves_nothing(kept: KeptBuilds, tmp_path: Path) -> None:
    with refuses("cannot-keep", "No such file"):
        kept.add(build(), tmp_path / "nothing")
    assert trees_in(kept.root) == []


def test_nobody_else_may_enter_the_directory(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir(mode=0o755)
    kept = KeptBuilds.open(tmp_path / "kept", 0)
    assert kept.root.stat().st_mode & 0o777 == 0o700


def test_a_record_of_another_version_is_passed_over(kept: KeptBuilds, tmp_path: Path) -> None:
    tree = kept.add(build(), workspace(tmp_path / "workspace"))
    (tree.path / "record.json").write_text('{"format": 2}')
    assert kept.all() == ()
    again = kept.add(build(), tmp_path / "workspace")
    assert again.name == "thing@2"


def _until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_record_survives_being_written_and_read(kept: KeptBuilds, tmp_path: Path) -> None:
    tree = kept.add(build(), workspace(tmp_path / "workspace"))
    changed = tree.recorded(replace(tree.build, opened=True, step=1, stop="before"))
    assert kept.find("thing") == changed
