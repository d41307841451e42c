"""One run from submission to release with PostgreSQL in place of SQLite."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.distribution.conftest import empty_host
from tests.farms.running import RECIPES, RunningFarm
from tests.servers import new_postgres_schema, private_postgres

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.docker, pytest.mark.toolchain, pytest.mark.postgres]

ACCOUNTS = """\
name: accounts
version: "1"
summary: One user
license: 0BSD
source:
  - file: passwd
toolchain: c
sensitive-files:
  - {path: etc/passwd, reason: The user that the test looks for}
steps:
  - run: install -D --mode=0644 /sources/passwd "$DESTDIR/etc/passwd"
tests:
  - name: the C library finds the user
    command: [getent, passwd, somebody]
    prints: somebody:x:7:7::/:/none
    needs: [glibc]
"""


def small_recipes(folder: Path) -> list[Path]:
    """Return the C library without its own tests (they need a shell), and a package that is tested with it."""
    glibc, accounts = folder / "glibc", folder / "accounts"
    shutil.copytree(RECIPES / "packages" / "glibc", glibc)
    text = (glibc / "recipe.yaml").read_text()
    (glibc / "recipe.yaml").write_text(text[: text.index("\ntests:") + 1])
    accounts.mkdir()
    (accounts / "recipe.yaml").write_text(ACCOUNTS)
    (accounts / "passwd").write_text("somebody:x:7:7::/:/none\n")
    return [glibc, accounts]


def test_a_submission_becomes_a_release_on_postgresql(tmp_path: Path) -> None:
    with private_postgres() as socket:
        url = new_postgres_schema(socket, "farm")
        farm = RunningFarm(tmp_path / "farm", empty_host(tmp_path), options=("--database", url, "--workers", "1"))
        try:
            farm.start()
            farm.submit(*small_recipes(tmp_path / "recipes")).done()
            released = farm.newest()
        finally:
            farm.stop()
    assert released["number"] == 1
    assert {package["name"] for package in released["packages"]} >= {"glibc", "accounts"}
