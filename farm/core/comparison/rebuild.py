"""The difference between two builds of one package: files and members of the descriptor. Its size is bounded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from farm.core.comparison.files import file_changes
from farm.core.names.digest import Digest
from farm.core.names.form import Form

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from farm.core.comparison.files import Kind
    from farm.core.fileset.manifest import Manifest
    from farm.core.package.descriptor import Descriptor

Change: TypeAlias = Literal["changed", "missing", "added"]

MOST_FILES = 100
"""The most paths that are listed for one package; further ones are only counted."""

_CHANGES: Mapping[Kind, Change] = {"changed": "changed", "removed": "missing", "added": "added"}
_IN_WORDS: Mapping[Change, str] = {
    "changed": "{} differs",
    "missing": "{} is missing",
    "added": "{} was not there the first time",
}


@dataclass(frozen=True, slots=True)
class FileDifference(Form, record="difference of a file"):
    """A path of a package, and how it differs in the second build."""

    path: str
    change: Change

    @property
    def summary(self) -> str:
        """The difference in words, without a full stop."""
        return _IN_WORDS[self.change].format(self.path)


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageDifference(Form, record="difference of a package"):
    """The difference between two builds of the package `name` (short); a tree is None where there was none.

    `count` is the number of files, links and directories that differ, and `files` are the first of them: by path,
    directories last. `members` are the members of the descriptor that differ independently of the files.
    """

    name: str
    first: Digest | None
    second: Digest | None
    count: int = 0
    files: tuple[FileDifference, ...] = ()
    members: tuple[str, ...] = ()

    @property
    def summary(self) -> str:
        """The difference in words, without a full stop: its first file, and how many more there are."""
        if self.first is None:
            return f"the package {self.name} was not there the first time"
        if self.second is None:
            return f"the package {self.name} is missing"
        if not self.files:
            return f"the descriptor of {self.name} differs in {', '.join(self.members)}"
        more = self.count - 1
        others = f", and {more} more file{'s' if more > 1 else ''}" if more else ""
        return f"{self.files[0].summary} in {self.name}{others}"

    def lines(self) -> Iterator[str]:
        """Yield the difference in words, a line for each file."""
        if not self.files:
            yield self.summary
        yield from (file.summary for file in self.files)
        if self.count > len(self.files):
            yield f"and {self.count - len(self.files):,} more"


def difference_of(
    name: str, first: tuple[Descriptor, Manifest] | None, second: tuple[Descriptor, Manifest] | None
) -> PackageDifference | None:
    """Compare two builds of a package, either of which may be missing; None when both are identical."""
    if first is None or second is None:
        trees = [build and build[0].tree for build in (first, second)]
        return PackageDifference(name=name, first=trees[0], second=trees[1]) if trees != [None, None] else None
    if first[0].digest == second[0].digest:
        return None
    files = _file_differences(first[1], second[1])
    before, after = (_own_members(descriptor, alike=not files) for descriptor, _ in (first, second))
    return PackageDifference(
        name=name,
        first=first[0].tree,
        second=second[0].tree,
        count=len(files),
        files=tuple(files[:MOST_FILES]),
        members=tuple(sorted(key for key in before if before[key] != after[key])),
    )


def _file_differences(first: Manifest, second: Manifest) -> list[FileDifference]:
    changes = sorted(file_changes(first, second, every_directory=True), key=lambda change: change.is_directory)
    return [FileDifference(change.path, _CHANGES[change.kind]) for change in changes]


def _own_members(descriptor: Descriptor, *, alike: bool) -> dict[str, Any]:
    """Return a descriptor without what the files determine: their digests and, unless they are `alike`, the facts."""
    follows = {"tree", "diff-id"} if alike else {"tree", "diff-id", "facts"}
    return {key: value for key, value in descriptor.to_dict().items() if key not in follows}
