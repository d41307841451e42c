"""The capability of being a package, `package:jq`, and of being it in one version: `package:jq=1.7.1-1` or `=1.7.1`.

Every package provides these; they are not listed in its descriptor. Versions are compared as they are written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from farm.core.names.version import Version

_KIND = "package:"


def package_capabilities(name: str, version: Version, revision: int) -> tuple[str, str, str]:
    """Return what a package of this (short or full) name is: itself, of its version, and of its revision of that."""
    named = _KIND + name
    return named, f"{named}={version}", f"{named}={version}-{revision}"


def exact_package(capability: str) -> tuple[str, str] | None:
    """Return name and version (`1.7.1-1`, or `1.7.1` for any revision) of an exact requirement, None for any other."""
    if not capability.startswith(_KIND) or "=" not in capability:
        return None
    name, _, version = capability.removeprefix(_KIND).partition("=")
    return name, version
