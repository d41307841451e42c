"""A maintainer with a tree of recipes on the disk, who uses the `farm` command: real sources, real containers."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.build.local_builds import recipe_files

if TYPE_CHECKING:
    from collections.abc import Mapping

COMMAND = Path(sys.executable).with_name("farm")

RECIPE = """\
name: calc
version: "1.0"
summary: A program that calculates
license: MIT
source:   # one archive
  file: calc-1.0.tar.gz   # ours
toolchain: c
steps:
  - name: configure
    run: |
      echo '#define VERSION "1"' >version.h
      env | sort | grep -v '^_=' >../environment.of-configure
  - name: compile
    environment: {CC: gcc, SPECIAL: "it's $HOME"}
    run: |
      env | sort | grep -v '^_=' >../environment.of-compile
      pwd >../directory.of-compile
      make
  - name: install
    run: make install
outputs:
  dev: [include/**]
"""
SOURCES = {
    "main.c": b'#include "calc.h"\n#include <stdio.h>\nint main(void) { printf("%d\\n", twice(21)); return 0; }\n',
    "calc.h": b"int twice(int);\n",
    "calc.c": b'#include "calc.h"\nint twice(int x) { return 2 * y; }',  # the fault, and no newline at the end
    "version.h": b'#define VERSION "0"\n',
    "Makefile": (
        b"CC = gcc\ncalc: main.o calc.o\n\t$(CC) $(LDFLAGS) -o $@ $^\n%.o: %.c calc.h\n\t$(CC) $(CFLAGS) -c -o $@ $<\n"
        b"install: calc\n\tinstall -D calc $(DESTDIR)/usr/bin/calc\n"
        b"\tinstall -D --mode=0644 calc.h $(DESTDIR)/usr/include/calc.h\n"
        b"\tinstall -D --mode=0644 calc.h $(DESTDIR)/usr/lib/calc.la\n"
    ),
}
MEND = ("sed", "-i", "s/2 . y/2 * x/", "calc.c")


@dataclass(frozen=True, slots=True)
class Ran:
    """A command that has ended."""

    status: int
    output: str
    message: str

    def done(self) -> Ran:
        assert self.status == 0, f"status {self.status}\n{self.output}\n{self.message}"
        return self


@dataclass(frozen=True, slots=True)
class Maintainer:
    state: Path
    recipes: Path
    host: Path

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "FARM_STATE": str(self.state),
            "FARM_HOST": str(self.host),
            "FARM_RECIPES": str(self.recipes),
        }

    def __call__(self, *arguments: str, given: str = "", **environment: str) -> Ran:
        ended = subprocess.run(
            [COMMAND, *arguments],
            env={**self.environment, **environment},
            cwd=self.recipes,
            input=given,
            capture_output=True,
            text=True,
            check=False,
        )
        return Ran(ended.returncode, ended.stdout, ended.stderr)

    @property
    def recipe(self) -> Path:
        return self.recipes / "packages/calc/recipe.yaml"

    def edit(self, old: str, new: str) -> None:
        text = self.recipe.read_text()
        assert old in text
        self.recipe.write_text(text.replace(old, new))

    def kept(self, name: str) -> Path:
        """Return the workspace of a kept build."""
        return self.state / "kept" / name / "workspace"


def as_of_job(farm: Maintainer, name: str, job: int) -> None:
    """Record a kept build as one that reproduces a farm's job."""
    place = farm.state / "kept" / name / "record.json"
    place.write_text(json.dumps(json.loads(place.read_text()) | {"farm-job": job}))


def archive(files: Mapping[str, bytes]) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(f"calc-1.0/{name}")
            member.size, member.mtime = len(content), 1_700_000_000
            tar.addfile(member, io.BytesIO(content))
    return made.getvalue()


def new_maintainer(place: Path, sources: Mapping[str, bytes] = SOURCES) -> Maintainer:
    files = recipe_files() | {
        "packages/calc/recipe.yaml": RECIPE.encode(),
        "packages/calc/calc-1.0.tar.gz": archive(sources),
    }
    for path, content in files.items():
        (place / "recipes" / path).parent.mkdir(parents=True, exist_ok=True)
        (place / "recipes" / path).write_bytes(content)
    host = Path(os.environ.get("FARM_TEST_STATE", Path.home() / ".cache" / "farm-tests"))
    return Maintainer(place / "state", place / "recipes", host)


@pytest.fixture
def farm(tmp_path: Path) -> Maintainer:
    return new_maintainer(tmp_path)


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> Maintainer:
    """A maintainer whose build has failed in the step `compile`; tests only look at it."""
    made = new_maintainer(tmp_path_factory.mktemp("maintainer"))
    ended = made("build", "calc")
    assert ended.status == 1
    return made
