"""The normal form of an interpreter's path, so that needs and capabilities match."""

from __future__ import annotations

import posixpath

from farm.core.names.root_places import HOMES

_UNDER_USR = ("/bin/", "/sbin/")
_AT_THE_ROOT = ("/usr/lib/", "/usr/lib64/", "/usr/lib32/", "/usr/libx32/")


def interpreter_capability(path: str) -> str:
    """Return `interpreter:` and the absolute path in its usual form in a merged-usr root.

    Programs are spelled under `/usr` (`/bin/sh` is `/usr/bin/sh`), the loader as the psABI specifies it
    (`/lib64/ld-linux-x86-64.so.2`). Both spellings lead to one file, because `/bin` and `/lib64` are links. A relative
    path stays as it is.
    """
    if not path.startswith("/"):
        return f"interpreter:{path}"
    plain = "/" + posixpath.normpath(path).lstrip("/")
    if plain.startswith(_UNDER_USR):
        plain = f"/usr{plain}"
    elif plain.startswith(_AT_THE_ROOT):
        plain = plain.removeprefix("/usr")
    return f"interpreter:{plain}"


def interpreter_file(capability: str) -> str:
    """Return the path in a package at which the interpreter of a capability would be; empty if there is none."""
    kind, _, path = capability.partition(":")
    top = path.split("/")[1] if kind == "interpreter" and path.startswith("/") else ""
    inside = path.removeprefix("/usr/") if top == "usr" else path.removeprefix("/") if top in {"lib", "etc"} else ""
    return inside if top != "usr" or inside.partition("/")[0] in HOMES else ""
