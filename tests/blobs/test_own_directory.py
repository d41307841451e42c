"""What is unpacked is verified once: whoever could change it afterwards would decide what others run."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from farm.blobs.own_directory import NotOwnDirectoryError, check_own, make_own

if TYPE_CHECKING:
    from pathlib import Path

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="gives a directory to another user")


@pytest.fixture
def made(tmp_path: Path) -> Path:
    before = os.umask(0o002)
    try:
        make_own(tmp_path / "above" / "host")
    finally:
        os.umask(before)
    return tmp_path / "above" / "host"


def test_what_is_made_is_ones_own_whatever_the_umask(made: Path) -> None:
    assert made.stat().st_mode & 0o777 == 0o700
    check_own(made)
    make_own(made)


def test_what_is_not_there_is_nobodys(tmp_path: Path) -> None:
    check_own(tmp_path / "none")


@pytest.mark.parametrize(("mode", "who"), [(0o777, "everybody"), (0o1777, "everybody"), (0o775, "its group")])
@pytest.mark.parametrize("name", ["", "packages", "blobs"])
def test_where_others_may_write_nothing_is_used(made: Path, name: str, mode: int, who: str) -> None:
    (made / name).chmod(mode)
    with pytest.raises(NotOwnDirectoryError) as refused:
        check_own(made)
    assert refused.value.message.startswith(f"{who} may write to {made / name}, and could change")
    assert f"chmod go-w {made / name}" in refused.value.remedy


@needs_root
@pytest.mark.parametrize("name", ["", "packages", "blobs"])
def test_what_belongs_to_another_is_not_used(made: Path, name: str) -> None:
    os.chown(made / name, 65533, -1)
    with pytest.raises(NotOwnDirectoryError) as refused:
        check_own(made)
    assert refused.value.message == f"{made / name} belongs to user 65533, who could change what root runs from it"
    assert "FARM_HOST" in refused.value.remedy


@needs_root
def test_what_belongs_to_root_is_good_for_everybody(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 65533)
    check_own(made)
