"""Where in a package the thing lies that a build has missed: which paths to look for, and which to index."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from farm.core.buildlog.error_kind import ErrorKind

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

_PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]{0,62}")
_SHELLS = ("bash", "dash")
"""Packages that may have `sh`: their names do not suggest it, and nothing is asked for more often."""
_DEBIAN = re.compile(r"^usr/|(?<=/)[a-z0-9_]+-linux-gnu[a-z0-9]*/")
"""What paths in the root of a toolchain have more than those of a package."""
_PROGRAM = re.compile(r"/(?:usr/)?(?P<path>s?bin/(?!\.\.?$)[^/]+)")
_INDEXED = re.compile(
    r"include/.+|bin/[^/]+|sbin/[^/]+|lib/[^/]+\.(?:so|a)|lib/[^/]+\.so\.[0-9]+"
    r"|(?:lib|share)/pkgconfig/[^/]+\.pc|(?:lib|share)/cmake/[^/]+/[^/]+[Cc]onfig\.cmake"
)


def is_indexed(path: str) -> bool:
    """Return whether a build may ask for a file of a package, by its path in the package."""
    return bool(_INDEXED.fullmatch(path))


def paths_of(kind: ErrorKind, subject: str) -> tuple[str, ...]:
    """Return the paths in a package of which one provides a missing thing; empty if no path tells."""
    if kind is ErrorKind.MISSING_PROGRAM:
        return _program(subject)
    if not subject or ".." in subject or subject.startswith("/"):
        return ()
    if kind is ErrorKind.MISSING_HEADER:
        return (f"include/{subject}",)
    if kind is ErrorKind.MISSING_LIBRARY:
        return (f"lib/{subject}",) if ".so" in subject else tuple(f"lib/lib{subject}.{end}" for end in ("so", "a"))
    if kind is ErrorKind.MISSING_PACKAGE:
        return _package(subject)
    return ()


def has_any(root: Iterable[str], paths: Collection[str]) -> bool:
    """Return whether one of the paths, as in a package, is among those of the root of a toolchain."""
    return any(_DEBIAN.sub("", path) in paths for path in root)


def best_provider(packages: Iterable[str]) -> str:
    """Return the package to name among those that provide a thing: the shortest name; empty if there is none."""
    return min(packages, key=lambda name: (len(name), name), default="")


def _program(name: str) -> tuple[str, ...]:
    """Return where a program lies: a name is looked for in all directories of programs, `/usr/bin/sh` in its own."""
    if found := _PROGRAM.fullmatch(name):
        return (found["path"],)
    is_name = "/" not in name and name not in ("", ".", "..")
    return tuple(f"{place}/{name}" for place in ("bin", "sbin")) if is_name else ()


def _package(name: str) -> tuple[str, ...]:
    """Return where pkg-config and CMake look for a package."""
    lower = name.lower()
    modules = [
        f"{place}/pkgconfig/{module}.pc" for place in ("lib", "share") for module in dict.fromkeys((name, lower))
    ]
    configs = [
        f"{place}/cmake/{directory}/{file}"
        for place in ("lib", "share")
        for directory in dict.fromkeys((name, lower))
        for file in (f"{name}Config.cmake", f"{lower}-config.cmake")
    ]
    return tuple(dict.fromkeys((*modules, *configs)))


def likely_packages(subject: str) -> tuple[str, ...]:
    """Return names of packages that may provide a missing thing, the likeliest first: at most eight, to be looked at.

    `openssl/ssl.h` may be of `openssl`, `ssl` or `libssl`, and `libz.so.1` of `libz` or `z`.
    """
    parts = [part for part in subject.lower().split("/") if part]
    words: list[str] = []
    for part in (*parts[:1], *parts[-1:]):
        stem = _stem(part)
        bare = stem.removeprefix("lib")
        words += (stem, bare, f"lib{bare}", re.sub(r"[-_.]?[0-9.]+$", "", bare))
    words += _SHELLS if subject == "sh" else ()
    return tuple(dict.fromkeys(word for word in words if _PACKAGE.fullmatch(word)))[:8]


def words_of(text: str) -> tuple[str, ...]:
    """Return the words of a name or summary by which the provider of a missing file may be found, in lower case.

    `diffutils: cmp, diff` and `libcmp.so.1` have `cmp` in common.
    """
    whole = [_stem(word.strip(".")).removeprefix("lib") for word in re.split(r"[^a-z0-9+._-]+", text.lower())]
    parts = (part for word in whole for part in word.split("-"))
    return tuple(word for word in dict.fromkeys((*whole, *parts)) if len(word) > 1)


def _stem(file: str) -> str:
    """Return the name of a header or library without its ending."""
    return re.sub(r"(?:\.h(?:h|pp|xx)?|\.so(?:\.[0-9]+)*|\.a)$", "", file)
