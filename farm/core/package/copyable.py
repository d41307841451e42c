"""Which files of a package another build can copy code out of, by their paths: static libraries, objects, headers."""

from __future__ import annotations

_STATIC = (".a", ".o")


def is_static_code(path: str) -> bool:
    """Say whether a package path is of machine code that a linker copies into what it makes."""
    return path.startswith("lib/") and path.endswith(_STATIC)


def is_header(path: str) -> bool:
    """Say whether a package path is of text that a compiler copies into what it makes."""
    return path.startswith("include/")


def is_installed_header(path: str) -> bool:
    """Say whether other builds can include a package path.

    Besides what compilers find by themselves there are headers for one machine (`lib/glib-2.0/include/glibconfig.h`).
    """
    return "include" in path.split("/")[:-1]
