"""Where in a package the thing lies that a build has missed: which paths to look for, and which to index."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from farm.core.buildlog.error_kind import ErrorKind

if TYPE_CHECKING:
    from collections.abc import Iterable

_PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]{0,62}")
_INDEXED = re.compile(
    r"include/.+|bin/[^/]+|sbin/[^/]+|lib/[^/]+\.(?:so|a)|lib/[^/]+\.so\.[0-9]+"
    r"|(?:lib|share)/pkgconfig/[^/]+\.pc|(?:lib|share)/cmake/[^/]+/[^/]+[Cc]onfig\.cmake"
)


def is_indexed(path: str) -> bool:
    """Return whether a build may ask for a file of a package, by its path in the package."""
    return bool(_INDEXED.fullmatch(path))


def paths_of(kind: ErrorKind, subject: str) -> tuple[str, ...]:
    """Return the paths in a package of which one provides a missing thing; empty if no path tells."""
    if not subject or ".." in subject or subject.startswith("/"):
        return ()
    if kind is ErrorKind.MISSING_HEADER:
        return (f"include/{subject}",)
    if kind is ErrorKind.MISSING_PROGRAM:
        return tuple(f"{place}/{subject}" for place in ("bin", "sbin")) if "/" not in subject else ()
    if kind is ErrorKind.MISSING_LIBRARY:
        return (f"lib/{subject}",) if ".so" in subject else tuple(f"lib/lib{subject}.{end}" for end in ("so", "a"))
    if kind is ErrorKind.MISSING_PACKAGE:
        return _package(subject)
    return ()


def best_provider(packages: Iterable[str]) -> str:
    """Return the package to name among those that provide a thing: the shortest name; empty if there is none."""
    return min(packages, key=lambda name: (len(name), name), default="")


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
        stem = re.sub(r"(?:\.h(?:h|pp|xx)?|\.so(?:\.[0-9]+)*|\.a)$", "", part)
        bare = stem.removeprefix("lib")
        words += (stem, bare, f"lib{bare}", re.sub(r"[-_.]?[0-9.]+$", "", bare))
    return tuple(dict.fromkeys(word for word in words if _PACKAGE.fullmatch(word)))[:8]
