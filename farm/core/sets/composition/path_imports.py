"""Packages at paths of the user's choice in a composition: each a link to where it is imported, below `/packages`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.core.fileset.forest import Conflict
from farm.core.fileset.manifest import Directory, Link, Manifest
from farm.core.sets.composition.compose import labels
from farm.errors import FarmError, in_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from farm.core.package.descriptor import Descriptor
    from farm.core.subscriber.image_file import PathImport

    Packages = Sequence[tuple[Descriptor, Manifest]]

OWN = "your own files"
"""What the user's files are called where they are a party to a conflict."""


class PathImportError(FarmError):
    """A package cannot be imported at a path: it is not in the set, or has no such directory."""

    code = "path-import"


class ImportConflictError(FarmError):
    """Something that is imported at a path meets another there; `conflicts` lists every one of them, by path."""

    code = "import-conflict"

    def __init__(self, conflicts: Iterable[Conflict]) -> None:
        self.conflicts = tuple(sorted(conflicts, key=lambda each: (each.path, each.owners)))
        count = "one path is" if len(self.conflicts) == 1 else f"{len(self.conflicts)} paths are"
        super().__init__(
            f"{count} claimed more than once:{in_lines(self.conflicts, 20)}",
            remedy="Import at a path of its own under `imports`: one that holds no other, and lies in none.",
        )


@dataclass(frozen=True, slots=True)
class PlacedImport:
    """What is imported at `path` (relative to the root): a package by its store directory, or a directory in it.

    `label` is what people know the package by.
    """

    path: str
    store: str
    inside: str
    label: str

    @property
    def target(self) -> str:
        """Where the link leads."""
        return f"/packages/{self.store}{f'/{self.inside}' if self.inside else ''}"

    def __str__(self) -> str:
        return f"the import of {f'{self.inside} of ' if self.inside else ''}{self.label}"


def place_imports(asked: Iterable[PathImport], packages: Packages) -> tuple[PlacedImport, ...]:
    """Return what is asked for with the packages of a set. Raises `PathImportError`."""
    told = labels(descriptor for descriptor, _ in packages)
    return tuple(_placed(each, packages, told) for each in sorted(asked))


def with_imports(own: Manifest, imports: Sequence[PlacedImport]) -> Manifest:
    """Return the user's own files together with the links of imports. Raises `ImportConflictError`."""
    if not imports:
        return own
    if found := list(_conflicts(own, imports)):
        raise ImportConflictError(found)
    return Manifest.of([*own.entries, *(Link(placed.path, placed.target) for placed in imports)], absolute_links=True)


def _placed(asked: PathImport, packages: Packages, told: Mapping[str, str]) -> PlacedImport:
    named = [pair for pair in packages if asked.package in (str(pair[0].name), pair[0].name.short)]
    exact = [pair for pair in named if asked.package == str(pair[0].name)] or named
    if len(exact) != 1:
        what = "several packages" if exact else "no package"
        raise PathImportError(
            f"{asked.package}, imported at /{asked.path}, is {what} of the set",
            remedy="Name it as `farm search` does.",
        )
    descriptor, manifest = exact[0]
    if asked.inside and not isinstance(manifest.by_path.get(asked.inside), Directory):
        raise PathImportError(
            f"{descriptor.name} has no directory {asked.inside}, which is to be imported at /{asked.path}",
            remedy=f"Its directories are {', '.join(_tops(manifest)) or 'none'}.",
        )
    return PlacedImport(asked.path, descriptor.store_path, asked.inside, told[descriptor.store_path])


def _tops(manifest: Manifest) -> list[str]:
    return [entry.path for entry in manifest.entries if isinstance(entry, Directory) and entry.path.count("/") < 2]


def _conflicts(own: Manifest, imports: Sequence[PlacedImport]) -> Iterator[Conflict]:
    """Yield where imports lie in each other, or meet own files: at their path, in it, or where one lies above it."""
    others = {entry.path: OWN for entry in own.entries if not isinstance(entry, Directory)}
    for each in imports:
        if isinstance(own.by_path.get(each.path), Directory):
            yield Conflict(each.path, (str(each), OWN))
        if other := others.get(each.path):
            yield Conflict(each.path, (other, str(each)))
        others[each.path] = str(each)
    placed = {each.path: str(each) for each in imports}
    for path, party in others.items():
        for above in _above(path):
            if above in placed:
                yield Conflict(path, (placed[above], party))
            elif above in others and path in placed:
                yield Conflict(above, (others[above], party))


def _above(path: str) -> Iterator[str]:
    while path := path.rpartition("/")[0]:
        yield path
