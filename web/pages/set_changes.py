"""What changed from one package set to another, as people read it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from farm.database.records import Package
    from farm.names import Digest


class Difference(NamedTuple):
    """A name that stands for one package before (by its descriptor's digest) and another, or none, after."""

    name: str
    before: Digest | None
    after: Digest | None


@dataclass(frozen=True, slots=True)
class SetChange:
    """A package that is in one of two sets only, or in both as another build. `before` or `after` is None then."""

    name: str
    before: Package | None
    after: Package | None

    @property
    def kind(self) -> Literal["new", "gone", "version", "rebuilt"]:
        """`version` when version or revision differ, `rebuilt` when neither does and the files, or facts, do."""
        if self.before is None:
            return "new"
        if self.after is None:
            return "gone"
        same = (self.before.version, self.before.revision) == (self.after.version, self.after.revision)
        return "rebuilt" if same else "version"


@dataclass(frozen=True, slots=True)
class SetChanges:
    """The changes by name: the first of them, and how many there are."""

    shown: Sequence[SetChange]
    count: int


def differences(before: Mapping[str, Digest], after: Mapping[str, Digest]) -> list[Difference]:
    """Return where two sets (descriptors by name) differ, by name."""
    names = sorted(before.keys() | after.keys())
    pairs = [Difference(name, before.get(name), after.get(name)) for name in names]
    return [pair for pair in pairs if pair.before != pair.after]
