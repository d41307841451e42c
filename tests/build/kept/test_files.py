"""`farm files`: where each file of a build is, and why."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.build.kept.conftest import Maintainer

pytestmark = pytest.mark.toolchain


def listed(farm: Maintainer, name: str) -> dict[str, tuple[str | None, str, str]]:
    document = json.loads(farm("files", name, "--json").done().output)
    return {file["path"]: (file["package"], file["rule"], file["detail"]) for file in document["files"]}


def test_files_of_a_build_are_listed_with_their_packages_and_the_reason(farm: Maintainer) -> None:
    farm.edit("gcc, ", "gcc, CFLAGS: -Dy=x -g, ")
    refused = farm("files", "calc")
    assert (refused.status, "`farm build calc`" in refused.message) == (1, True)
    farm("build", "calc").done()
    found = listed(farm, "calc")
    (debug,) = [path for path in found if path.startswith("/usr/lib/debug/.build-id/")]
    assert found == {
        "/usr/bin/calc": ("calc", "rest", ""),
        "/usr/include/calc.h": ("calc-dev", "pattern", "include/**"),
        debug: ("calc-debug", "debug", ""),
    }
    shown = farm("files", "calc").done().output
    assert "outputs: include/**" in shown


def test_of_a_failed_build_it_lists_what_lies_in_out(farm: Maintainer) -> None:
    farm.edit("gcc, ", "gcc, CFLAGS: -Dy=x, ")
    farm.edit("run: make install", "run: make install && mkdir $DESTDIR/opt && touch $DESTDIR/opt/x")
    farm("build", "calc")
    found = listed(farm, "calc")
    assert found["/usr/lib/calc.la"] == (None, "dropped", "")
    assert found["/opt/x"] == (None, "misplaced", "/opt is not a standard directory of a package")
    assert found["/usr/include/calc.h"] == ("calc-dev", "pattern", "include/**")
    assert "calc@1: all steps have run" in farm("files", "calc@1").message
