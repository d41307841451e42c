"""Libraries as a compiler makes them, with separate debug data: what packages of libraries are made of."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from farm.core.package.elf.file import read_elf

if TYPE_CHECKING:
    from collections.abc import Mapping

needs_compiler = pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc and binutils")


@dataclass(frozen=True)
class Library:
    """A library with this soname, stripped, and its debug data."""

    soname: str
    stripped: bytes
    debug: bytes

    @property
    def files(self) -> Mapping[str, bytes]:
        return {f"lib/{self.soname}": self.stripped}

    @property
    def debug_files(self) -> Mapping[str, bytes]:
        details = read_elf(memoryview(self.stripped)).details
        assert details is not None
        build_id = details.build_id
        return {f"lib/debug/.build-id/{build_id[:2]}/{build_id[2:]}.debug": self.debug}


@cache
def library(soname: str, code: str, *linked: Library, options: tuple[str, ...] = ()) -> Library:
    """Compile a library that needs only the libraries that it is linked with."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "it.c").write_text(code)
        for library in linked:
            (place / library.soname).write_bytes(library.stripped)
        compiled = ["-shared", "-fPIC", "-g", "-nostdlib", "-Wl,--build-id", f"-Wl,-soname,{soname}", *options]
        _run(place, "gcc", *compiled, "-o", "whole", "it.c", *(library.soname for library in linked))
        _run(place, "objcopy", "--only-keep-debug", "whole", "debug")
        _run(place, "strip", "--strip-unneeded", "-o", "stripped", "whole")
        return Library(soname, (place / "stripped").read_bytes(), (place / "debug").read_bytes())


def _run(place: Path, *command: str) -> None:
    subprocess.run(command, cwd=place, check=True)
