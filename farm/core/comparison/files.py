"""The files that differ between two trees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from farm.core.fileset.manifest import Directory, File, Link
from farm.core.fileset.rules import parent

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from farm.core.fileset.manifest import Entry, Manifest

Kind: TypeAlias = Literal["added", "removed", "changed"]


@dataclass(frozen=True, slots=True)
class FileChange:
    """A path that differs: its entry in the first tree and in the second, None where it is missing."""

    path: str
    before: Entry | None
    after: Entry | None

    @property
    def kind(self) -> Kind:
        """Whether the path is on one side only."""
        return "added" if self.before is None else "removed" if self.after is None else "changed"

    @property
    def is_directory(self) -> bool:
        """Whether the path is a directory in the newest tree that has it."""
        return isinstance(self.after or self.before, Directory)

    @property
    def growth(self) -> int:
        """The bytes by which the second tree is larger because of this path."""
        return _size(self.after) - _size(self.before)

    @property
    def mirrored(self) -> FileChange:
        """The same change in the other direction."""
        return FileChange(self.path, self.after, self.before)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values; entries have the form of a manifest."""
        before, after = (entry and _without_path(entry) for entry in (self.before, self.after))
        return {"path": self.path, "change": self.kind, "before": before, "after": after}


def file_changes(
    before: Manifest | None, after: Manifest | None, *, every_directory: bool = False
) -> Iterator[FileChange]:
    """Yield the paths that differ, sorted, in one pass over both trees; a tree that is missing has no files.

    A directory that is only on one side is listed if it is empty there, as otherwise its files show it; or always, with
    `every_directory`.
    """
    old, new = (manifest.entries if manifest else () for manifest in (before, after))
    full = _parents(old), _parents(new)
    for path, was, now in _pairs(iter(old), iter(new)):
        implied = (was is None and path in full[1]) or (now is None and path in full[0])
        if was != now and (every_directory or not implied):
            yield FileChange(path, was, now)


def _pairs(old: Iterator[Entry], new: Iterator[Entry]) -> Iterator[tuple[str, Entry | None, Entry | None]]:
    """Yield each path of two sorted trees with its entries."""
    was, now = next(old, None), next(new, None)
    while was or now:
        if now is None or (was and was.path < now.path):
            assert was is not None  # noqa: S101  (one of both is there)
            yield was.path, was, None
            was = next(old, None)
        elif was is None or now.path < was.path:
            yield now.path, None, now
            now = next(new, None)
        else:
            yield was.path, was, now
            was, now = next(old, None), next(new, None)


def _parents(entries: Iterable[Entry]) -> frozenset[str]:
    return frozenset(parent(entry.path) for entry in entries)


def _size(entry: Entry | None) -> int:
    return entry.size if isinstance(entry, File) else 0


def _without_path(entry: File | Directory | Link) -> dict[str, Any]:
    return {key: value for key, value in entry.to_dict().items() if key != "path"}
