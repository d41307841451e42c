"""What can be mounted into a late-bound run, and the errors for what cannot."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import pytest

from farm.cli.run.options import read_mount, read_mounts
from farm.container.sandbox_spec import Bind

if TYPE_CHECKING:
    from pathlib import Path


def test_a_relative_source_is_one_of_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "app").mkdir()
    monkeypatch.chdir(tmp_path)
    assert read_mount("./app:/data/app") == Bind(tmp_path / "app", "/data/app")


def test_only_what_is_said_can_be_written() -> None:
    assert [read_mount(f"/usr:/data/{end}").writable for end in ("", ":ro", ":rw")] == [False, False, True]


def test_two_things_cannot_be_seen_at_one_place() -> None:
    nowhere = click.Context(click.Command("run"))
    with pytest.raises(click.UsageError, match="--mount names /data twice"):
        read_mounts(nowhere, click.Option(["--mount"]), ("/usr:/data", "/etc:/data/:rw"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("/", "is not SOURCE:TARGET"),
        (":/data", "is not SOURCE:TARGET"),
        ("/:/data:RW", "after the target only :ro or :rw is allowed, not :RW"),
        ("/:/data:rw:ro", "allowed, not :rw:ro"),
        ("/:/packages:rw", "/packages is reserved for packages"),
        ("/:data", "a path below /"),
        ("/:/", "a path below /"),
        ("/:/data/../usr", "a path below /"),
        ("/:/usr", "/usr is reserved for packages"),
        ("/:/packages/x", "/packages is reserved for packages"),
        ("/nowhere:/data", "there is no /nowhere here"),
    ],
)
def test_what_cannot_be_mounted_is_told(text: str, message: str) -> None:
    with pytest.raises(click.UsageError, match=message):
        read_mount(text)
