"""Two programs of a few lines that use zlib: one has it linked in, the other one loads it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = r"""
#include <stdio.h>
#include <zlib.h>

int main(void) {
    printf("%s, %lx\n", zError(Z_STREAM_ERROR), crc32_combine(1, 2, 3));
    return 0;
}
"""
RECIPE = """
name: {name}
version: "{version}"
summary: Says what zlib calls an error of a stream
license: MIT
source:
  file: program.c
toolchain: c
build-needs: [zlib]
steps:
  - run: |
      mkdir -p "$DESTDIR/usr/bin"
      cc $CFLAGS $LDFLAGS -o "$DESTDIR/usr/bin/{name}" /sources/program.c {link}
tests:
  - command: [{name}]
    matches: "^stream error"
"""
USERS = {"says-statically": "-Wl,-Bstatic -lz -Wl,-Bdynamic", "says-dynamically": "-lz"}


def write_users(folder: Path) -> list[Path]:
    """Write the recipes of both programs in directories of `folder`; return these."""
    return [write_user(folder, name) for name in USERS]


def write_user(folder: Path, name: str, version: str = "1.0", *edits: tuple[str, str]) -> Path:
    """Write the recipe of one program, with texts of its source replaced, in a directory of `folder`; return this."""
    place = folder / name
    place.mkdir()
    (place / "recipe.yaml").write_text(RECIPE.format(name=name, version=version, link=USERS[name]).lstrip())
    program = PROGRAM.lstrip()
    for old, new in edits:
        assert old in program
        program = program.replace(old, new)
    (place / "program.c").write_text(program)
    return place
