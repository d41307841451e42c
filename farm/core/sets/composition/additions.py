"""What a user adds to a composition: own files, and packages at chosen paths, as links to where they are imported.

No order decides between these and the links of packages: two claims to one path are a conflict.
"""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from farm.core.fileset.forest import BASE, BaseTree, Conflict, Forest, ForestConflictError
from farm.core.fileset.manifest import Directory, Link, Manifest
from farm.core.fileset.rules import parents
from farm.core.sets.composition.compose import Composition, compose, labels
from farm.core.sets.members.member import claimed_paths
from farm.errors import FarmError, in_lines

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from farm.core.package.descriptor import Descriptor
    from farm.core.subscriber.image_file import PathImport

    Packages = Sequence[tuple[Descriptor, Manifest]]


OWN = "your own files"
"""The name of the user's files in a conflict."""


@dataclass(frozen=True, slots=True)
class PlacedImport:
    """An import at `path` (relative to the root): of a package, by its store directory, or the directory `inside` it.

    `label` is the name of the package for people.
    """

    path: str
    store: str
    inside: str
    label: str

    @property
    def target(self) -> str:
        """The target of the link."""
        return f"/packages/{self.store}{f'/{self.inside}' if self.inside else ''}"

    def __str__(self) -> str:
        return f"the import of {f'{self.inside} of ' if self.inside else ''}{self.label}"


def place_imports(asked: Iterable[PathImport], packages: Packages) -> tuple[PlacedImport, ...]:
    """Find the imports that are asked for among the packages of a set.

    Raises the error `path-import` where the set does not have a package, or the package not the directory.
    """
    label_of = labels(descriptor for descriptor, _ in packages)
    return tuple(_placed(path_import, packages, label_of) for path_import in sorted(asked))


def with_imports(own: Manifest, imports: Sequence[PlacedImport]) -> Manifest:
    """Return the user's own files together with the links of imports. Raises the error `import-conflict`."""
    if not imports:
        return own
    if found := list(_conflicts(own, imports)):
        raise _import_conflict(found)
    return Manifest.of([*own.entries, *(Link(placed.path, placed.target) for placed in imports)], absolute_links=True)


def _placed(asked: PathImport, packages: Packages, label_of: Mapping[str, str]) -> PlacedImport:
    named = [pair for pair in packages if asked.package in (str(pair[0].name), pair[0].name.short)]
    exact = [pair for pair in named if asked.package == str(pair[0].name)] or named
    if len(exact) != 1:
        what = "the name of several packages" if exact else "not a package"
        raise FarmError(
            f"{asked.package}, imported at /{asked.path}, is {what} of the set",
            remedy="Name it as `farm search` does.",
            code="path-import",
        )
    descriptor, manifest = exact[0]
    if asked.inside and not isinstance(manifest.by_path.get(asked.inside), Directory):
        raise FarmError(
            f"{descriptor.name} has no directory {asked.inside}, which is to be imported at /{asked.path}",
            remedy=f"Its directories are {', '.join(_tops(manifest)) or 'none'}.",
            code="path-import",
        )
    return PlacedImport(asked.path, descriptor.store_path, asked.inside, label_of[descriptor.store_path])


def _tops(manifest: Manifest) -> list[str]:
    return [entry.path for entry in manifest.entries if isinstance(entry, Directory) and entry.path.count("/") < 2]


def _conflicts(own: Manifest, imports: Sequence[PlacedImport]) -> Iterator[Conflict]:
    """Yield where imports contain each other, or conflict with own files at, below or above their path."""
    others = {entry.path: OWN for entry in own.entries if not isinstance(entry, Directory)}
    for placed_import in imports:
        path, party = placed_import.path, str(placed_import)
        if isinstance(own.by_path.get(path), Directory):
            yield Conflict(path, (party, OWN))
        if other := others.get(path):
            yield Conflict(path, (other, party))
        others[path] = party
    placed = {placed_import.path: str(placed_import) for placed_import in imports}
    for path, party in others.items():
        for above in parents(path):
            if above in placed:
                yield Conflict(path, (placed[above], party))
            elif above in others and path in placed:
                yield Conflict(above, (others[above], party))


def compose_with(
    packages: Sequence[tuple[Descriptor, Manifest]],
    own: Manifest,
    replaces: Collection[str] = (),
    imports: Sequence[PlacedImport] = (),
) -> Composition:
    """Compose packages under the user's own files, whose paths are relative to the root, and under `imports`.

    A file of the user's replaces the link of a package whose short name is in `replaces`; over any other link, and over
    every directory, it is a conflict, and so is an import over anything. Raises the errors `own-file-conflict` and
    `import-conflict`, and what `compose` raises.
    """
    imported = {placed.path: placed for placed in imports}
    laid = with_imports(own, imports)
    directories = frozenset(entry.path for entry in laid.entries if isinstance(entry, Directory))
    label_of = labels(descriptor for descriptor, _ in packages)
    names = {label_of[descriptor.store_path]: descriptor.name.short for descriptor, _ in packages}
    try:
        # Directories that both have are shared, so that none of a package may be folded into one link.
        composition = compose(packages, BaseTree(directories, frozenset()))
    except ForestConflictError as error:
        conflicts = [_with_party(found, imported) for found in error.conflicts if BASE in found.owners]
        if not conflicts:
            raise
        raise _conflict_error(conflicts, names) from error
    conflicts, links = [], dict(composition.forest.links)
    shared = frozenset(composition.forest.directories)
    for path in (entry.path for entry in laid.entries if not isinstance(entry, Directory)):
        party = _party(path, imported)
        if path in shared:
            owners = sorted(label_of[store] for store in _owners(packages, path))
            conflicts.append(Conflict(path, (*owners, party)))
        elif path in links:
            owner = label_of[links[path].split("/")[2]]
            if party == OWN and names[owner] in replaces:
                del links[path]
            else:
                conflicts.append(Conflict(path, (owner, party)))
    if conflicts:
        raise _conflict_error(conflicts, names)
    return Composition(composition.packages, _with_links(composition.forest.directories, links, imports))


def _with_links(directories: Sequence[str], links: Mapping[str, str], imports: Sequence[PlacedImport]) -> Forest:
    above = {
        str(parent) for placed in imports for parent in PurePosixPath(placed.path).parents if parent != PurePosixPath()
    }
    together = {**links, **{placed.path: placed.target for placed in imports}}
    return Forest(tuple(sorted({*directories, *above})), tuple(sorted(together.items())))


def _with_party(conflict: Conflict, imported: Mapping[str, PlacedImport]) -> Conflict:
    """Return a conflict with the base as one with the addition that claims the path."""
    others = (owner for owner in conflict.owners if owner != BASE)
    return Conflict(conflict.path, (*others, _party(conflict.path, imported)))


def _party(path: str, imported: Mapping[str, PlacedImport]) -> str:
    """Return the addition that claims a path: an import at it or below, else the user's files."""
    found = (placed for at, placed in imported.items() if at == path or at.startswith(f"{path}/"))
    return str(next(found, OWN))


def _owners(packages: Sequence[tuple[Descriptor, Manifest]], directory: str) -> Iterator[str]:
    for descriptor, manifest in packages:
        if directory in claimed_paths(manifest, descriptor.links)[1]:
            yield descriptor.store_path


def _conflict_error(conflicts: list[Conflict], names: dict[str, str]) -> FarmError:
    if any(OWN not in conflict.owners for conflict in conflicts):
        return _import_conflict(conflicts)
    parties = sorted({names[owner] for conflict in conflicts for owner in conflict.owners if owner in names})
    return FarmError(
        _claimed_twice(conflicts),
        remedy="Move the file elsewhere; or, if it is to replace the package's, write `replaces: "
        f"[{', '.join(parties)}]` in the image file.",
        code="own-file-conflict",
    )


def _import_conflict(conflicts: Iterable[Conflict]) -> FarmError:
    return FarmError(
        _claimed_twice(conflicts),
        remedy="Import at a path of its own under `imports`: one that is neither in nor above another.",
        code="import-conflict",
    )


def _claimed_twice(conflicts: Iterable[Conflict]) -> str:
    ordered = sorted(conflicts, key=attrgetter("path", "owners"))
    count = "one path is" if len(ordered) == 1 else f"{len(ordered)} paths are"
    return f"{count} claimed more than once:{in_lines(ordered, 20)}"
