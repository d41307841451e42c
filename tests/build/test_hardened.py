"""What the flags of every build do to real files, and what is found in a build that bypasses them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from farm.build.attempt.errors import BuildFailedError
from farm.core.package.facts import PackageFacts
from farm.core.package.hardening import hardening_findings, producers_by_build_id
from tests.refusing import refuses

if TYPE_CHECKING:
    from farm.core.plan.job import BuiltPackage
    from tests.build.local_builds import Local

pytestmark = pytest.mark.toolchain

PROGRAM = b"""\
#include <stdio.h>
#include <string.h>
int main(int count, char **words) {
    char copy[16];
    strcpy(copy, words[count - 1]);
    return puts(copy);
}
"""
WAYS = {
    "good": "$CFLAGS $LDFLAGS",
    "lazy": "$CFLAGS $LDFLAGS -Wl,-z,lazy",
    "bare": "$CFLAGS $LDFLAGS -Wl,-z,norelro",
    "fixed": "$CFLAGS $LDFLAGS -no-pie",
    "runs-its-stack": "$CFLAGS $LDFLAGS -Wl,-z,execstack",
    "unprotected": "$CFLAGS $LDFLAGS -fno-stack-protector",
    "old": "-g -O2",
    "unknown": "-O2 $LDFLAGS",
}
RECIPE = """\
name: ways
version: "1.0"
summary: One program, built in several ways
license: MIT
source: {file: program.c}
toolchain: c
steps:
  - run: |
      mkdir -p "$DESTDIR/usr/bin"
      cd "$DESTDIR/usr/bin"
"""


@pytest.fixture
def built(local: Local) -> tuple[BuiltPackage, ...]:
    lines = "".join(f"      cc {flags} -o {name} /sources/program.c\n" for name, flags in WAYS.items())
    local.files |= {"packages/ways/recipe.yaml": (RECIPE + lines).encode(), "packages/ways/program.c": PROGRAM}
    return local.builds().build(["ways"])


def facts_of(local: Local, package: BuiltPackage) -> PackageFacts:
    return PackageFacts.from_json(local.state.store.read(package.facts.digest))


def test_each_way_around_the_flags_is_seen_in_what_came_of_it(local: Local, built: tuple[BuiltPackage, ...]) -> None:
    main, debug = (facts_of(local, package) for package in built)
    found = hardening_findings(main, producers_by_build_id([main, debug]))
    lacking = {
        name: {finding.property for finding in found if finding.path == f"bin/{name}" and finding.lacking}
        for name in WAYS
    }
    assert lacking == {
        "good": set(),
        "lazy": {"bind-now"},
        "bare": {"relro"},
        "fixed": {"pie"},
        "runs-its-stack": {"non-executable-stack"},
        "unprotected": {"stack-protector"},
        "old": {"bind-now", "stack-protector", "stack-clash-protection"},
        "unknown": set(),
    }
    not_covered = {(finding.path, finding.property) for finding in found if not finding.lacking}
    assert not_covered == {("bin/unknown", "stack-protector"), ("bin/unknown", "stack-clash-protection")}


def test_debug_data_that_stay_in_the_files_tell_of_it_too(local: Local) -> None:
    lines = "".join(f"      cc {WAYS[name]} -o {name} /sources/program.c\n" for name in ("good", "unprotected"))
    kept = RECIPE.replace("steps:", 'environment: {KEEP_SYMBOLS: "yes"}\nsteps:')
    local.files |= {"packages/ways/recipe.yaml": (kept + lines).encode(), "packages/ways/program.c": PROGRAM}
    (main,) = (facts_of(local, package) for package in local.builds().build(["ways"]))
    found = hardening_findings(main, producers_by_build_id([main]))
    assert [(finding.path, finding.property) for finding in found if finding.lacking] == [
        ("bin/unprotected", "stack-protector")
    ]


def test_writes_are_checked_although_no_option_tells_of_it(local: Local, built: tuple[BuiltPackage, ...]) -> None:
    (elf,) = (file.facts for file in facts_of(local, built[0]).elf if file.path == "bin/good")
    assert {"__strcpy_chk", "__stack_chk_fail"} <= {symbol.name for symbol in elf.imports}


def test_a_format_from_outside_does_not_compile(local: Local) -> None:
    local.files |= {
        "packages/ways/recipe.yaml": (RECIPE + "      cc $CFLAGS -c -o x.o /sources/program.c\n").encode(),
        "packages/ways/program.c": PROGRAM.replace(b"puts(copy)", b"printf(copy)"),
    }
    with refuses("step-failed") as refused:
        local.builds().build(["ways"])
    assert isinstance(refused.value, BuildFailedError)
    assert refused.value.first_error is not None
    assert "format-security" in refused.value.first_error.text
