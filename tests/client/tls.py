"""A library `libtls.so.1` and programs that use it, as real ELF files."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

LOADER = Path("/lib64/ld-linux-x86-64.so.2")
PLACE = "/usr/bin/ld-linux-x86-64.so.2"
LIBRARY = "int tls_connect(void) { return %d; }\n"
LEGACY = "int tls_legacy(void) { return tls_connect(); }\n"
PROGRAM = """\
extern int %s(void);
void _start(void) { int code = %s(); __asm__ volatile("syscall" : : "a"(60), "D"(code)); __builtin_unreachable(); }
"""

needs_compiler = pytest.mark.skipif(
    shutil.which("gcc") is None or not LOADER.exists(), reason="needs gcc on x86-64 with glibc"
)


class Compiler:
    """Makes a library `libtls.so.1` and programs that use one function of it, without any other library."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir()

    def library(self, number: int, *, legacy: bool = True) -> bytes:
        source = LIBRARY % number + (LEGACY if legacy else "")
        return self._made(source, "libtls.so.1", "-shared", "-fPIC", "-Wl,-soname,libtls.so.1")

    def program(self, function: str) -> bytes:
        linker = f"-Wl,--dynamic-linker={PLACE}"
        return self._made(PROGRAM % (function, function), "curl", linker, after=[str(self._folder / "libtls.so.1")])

    def _made(self, source: str, name: str, *options: str, after: list[str] | None = None) -> bytes:
        (self._folder / "source.c").write_text(source)
        out = self._folder / name
        command = ["gcc", "-O1", "-nostdlib", "-fno-stack-protector", *options, "-o", out, "source.c", *(after or [])]
        subprocess.run(command, check=True, cwd=self._folder)
        return out.read_bytes()
