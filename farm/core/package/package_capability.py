"""The capability of a package, `package:jq`, and of one version of it: `package:jq=1.7.1-1` or `=1.7.1`.

Every package provides these; they are not listed in its descriptor. Versions are compared as text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from farm.core.names.version import Version

_KIND = "package:"


def package_capabilities(name: str, version: Version, revision: int) -> tuple[str, str, str]:
    """Return the capabilities of a package of this (short or full) name: its name, its version, and its revision."""
    named = _KIND + name
    return named, f"{named}={version}", f"{named}={version}-{revision}"


def exact_package(capability: str) -> tuple[str, str] | None:
    """Return name and version (`1.7.1-1`, or `1.7.1` for any revision) of an exact requirement, None for any other."""
    if not capability.startswith(_KIND) or "=" not in capability:
        return None
    name, _, version = capability.removeprefix(_KIND).partition("=")
    return name, version
