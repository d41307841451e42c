"""How the version of a package is printed, and by what people know one build of it: `oniguruma 6.9.9-2+b2`.

A submitter gives version and revision. The build number is the farm's own: it counts builds that the farm started of
what has that revision already, and stands in no plan, tree or descriptor.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from farm.core.names.version import Version

FIRST_BUILD = 1
LAST_BUILD = 1_000_000_000
"""The highest build number: no farm builds one revision so often, and a database counts on in 32 bits beyond it."""
_BUILD = re.compile(r"\+b\d+\Z")


def printed_version(version: Version | str, revision: int, build: int = FIRST_BUILD) -> str:
    """Return the whole version as people see it: `1.7.1-1`, from the second build on `1.7.1-1+b2`."""
    return f"{version}-{revision}" if build == FIRST_BUILD else f"{version}-{revision}+b{build}"


def without_build(printed: str) -> str:
    """Return a version as `printed_version` gives it for the first build: an upstream `1.2+b3` keeps its own suffix."""
    return _BUILD.sub("", printed)


class PrintedIdentity(NamedTuple):
    """What is printed of one build of a package: what was published under it means the same files for ever."""

    name: str
    version: str
    revision: int
    build: int = FIRST_BUILD

    def __str__(self) -> str:
        return f"{self.name} {printed_version(self.version, self.revision, self.build)}"
