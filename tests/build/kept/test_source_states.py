"""States of the files of a stranger's directory: what is too much is refused, and nothing of it is read."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from farm.build.kept import source_states
from tests.refusing import refuses

if TYPE_CHECKING:
    from pathlib import Path


def test_the_state_differs_with_content_mode_and_target_and_not_with_the_time(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/file").write_bytes(b"one")
    (tmp_path / "link").symlink_to("one")
    seen = [source_states.source_states(tmp_path)]
    assert list(seen[0]) == ["link", "sub/file"]
    (tmp_path / "sub/file").write_bytes(b"one")
    assert source_states.source_states(tmp_path) == seen[0]
    (tmp_path / "sub/file").write_bytes(b"two")
    seen.append(source_states.source_states(tmp_path))
    (tmp_path / "sub/file").chmod(0o755)
    seen.append(source_states.source_states(tmp_path))
    (tmp_path / "link").unlink()
    (tmp_path / "link").symlink_to("two")
    seen.append(source_states.source_states(tmp_path))
    assert all(before != after for before, after in pairwise(seen))


@pytest.mark.parametrize("in_one", [True, False], ids=["in one directory", "in several"])
def test_too_many_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_one: bool) -> None:
    monkeypatch.setattr(source_states, "MOST_FILES", 10)
    for number in range(11):
        place = tmp_path if in_one else tmp_path / str(number)
        place.mkdir(exist_ok=True)
        (place / f"file{number}").touch()
    with refuses("cannot-keep", "more than"):
        source_states.source_states(tmp_path)
