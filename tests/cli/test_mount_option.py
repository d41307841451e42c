"""What can be mounted into a late-bound run, and how it is told what cannot."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import pytest

from farm.cli.mount_option import read_mount

if TYPE_CHECKING:
    from pathlib import Path


def test_a_relative_source_is_one_of_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "app").mkdir()
    monkeypatch.chdir(tmp_path)
    assert read_mount("./app:/data/app") == (str(tmp_path / "app"), "/data/app")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("/", "is not SOURCE:TARGET"),
        (":/data", "is not SOURCE:TARGET"),
        ("/:/data:rw", "read-only, always"),
        ("/:data", "a path below /"),
        ("/:/", "a path below /"),
        ("/:/data/../usr", "a path below /"),
        ("/:/usr", "/usr is the packages' own"),
        ("/:/packages/x", "/packages is the packages' own"),
        ("/nowhere:/data", "there is no /nowhere here"),
    ],
)
def test_what_cannot_be_mounted_is_told(text: str, told: str) -> None:
    with pytest.raises(click.UsageError, match=told):
        read_mount(text)
