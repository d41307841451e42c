"""The files of a package whose code a build can copy, by their paths: static libraries, objects, headers."""

from __future__ import annotations

_STATIC = (".a", ".o")


def is_static_code(path: str) -> bool:
    """Return whether a package path is machine code that a linker copies into its output."""
    return path.startswith("lib/") and path.endswith(_STATIC)


def is_header(path: str) -> bool:
    """Return whether a package path is text that a compiler copies into its output."""
    return path.startswith("include/")


def is_installed_header(path: str) -> bool:
    """Return whether other builds can include a package path.

    Besides the headers that compilers find by default there are headers for one machine
    (`lib/glib-2.0/include/glibconfig.h`).
    """
    return "include" in path.split("/")[:-1]
