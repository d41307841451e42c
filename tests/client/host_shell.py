"""A shell for tests that run without any package: the host's own, mounted next to the packages with its libraries."""

from __future__ import annotations

import shlex
from pathlib import Path

_LOADER = Path("/lib64/ld-linux-x86-64.so.2").resolve()
_LIBRARIES = Path("/lib/x86_64-linux-gnu/libc.so.6").resolve().parent
MOUNT = ("--mount", "/usr:/host-usr")
"""The options of `farm run` that mount it."""


def program(name: str) -> list[str]:
    """Return the arguments that start one of the host's programs."""
    return [_there(_LOADER), "--library-path", _there(_LIBRARIES), _there(Path(f"/usr/bin/{name}").resolve())]


def shell(script: str) -> list[str]:
    """Return the arguments that run a script; in it `@ls` is the host's `ls`."""
    words = [shlex.join(program(word[1:])) if word.startswith("@") else word for word in script.split(" ")]
    return [*program("dash"), "-c", " ".join(words)]


def _there(path: Path) -> str:
    return f"/host-usr/{path.relative_to('/usr')}"
