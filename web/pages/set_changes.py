"""What changed from one package set to another, as people read it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from farm.database.records import Package


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


def set_changes(before: Iterable[Package], after: Iterable[Package]) -> list[SetChange]:
    """Return the changes by name."""
    old = {package.name: package for package in before}
    new = {package.name: package for package in after}
    pairs = [SetChange(name, old.get(name), new.get(name)) for name in sorted(old.keys() | new.keys())]
    return [pair for pair in pairs if not pair.before or not pair.after or pair.before.digest != pair.after.digest]
