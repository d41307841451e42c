"""The printed version of a package, which identifies one build of it for people: `oniguruma 6.9.9-2+b2`.

A submitter chooses version and revision. The farm assigns the build number: it counts the builds that the farm started
of an existing revision, and is in no plan, tree or descriptor.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from farm.core.names.version import Version

FIRST_BUILD = 1
LAST_BUILD = 1_000_000_000
"""The highest build number: no farm builds one revision so often, and a 32-bit database column can count beyond it."""
_BUILD = re.compile(r"\+b\d+\Z")


def printed_version(version: Version | str, revision: int, build: int = FIRST_BUILD) -> str:
    """Return the full version as people see it: `1.7.1-1`, from the second build on `1.7.1-1+b2`."""
    return f"{version}-{revision}" if build == FIRST_BUILD else f"{version}-{revision}+b{build}"


def without_build(printed: str) -> str:
    """Return the version that `printed_version` returns for the first build: an upstream `1.2+b3` keeps its suffix."""
    return _BUILD.sub("", printed)


class PrintedIdentity(NamedTuple):
    """The printed identity of one build of a package: once published, it means the same files permanently."""

    name: str
    version: str
    revision: int
    build: int = FIRST_BUILD

    def __str__(self) -> str:
        return f"{self.name} {printed_version(self.version, self.revision, self.build)}"
