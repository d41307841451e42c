"""A user's own files over a composition: neither they nor a package's links ever win because of an order."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from farm.core.fileset.forest import BASE, BaseTree, Conflict, Forest, ForestConflictError
from farm.core.fileset.manifest import Directory
from farm.core.sets.composition.compose import Composition, compose, labels
from farm.core.sets.composition.path_imports import OWN, ImportConflictError, PlacedImport, with_imports
from farm.core.sets.members.member import claimed_paths
from farm.errors import FarmError, in_lines

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from farm.core.fileset.manifest import Manifest
    from farm.core.package.descriptor import Descriptor


class OwnFileConflictError(FarmError):
    """The user's files and packages claim the same paths; `conflicts` lists every one of them, by path."""

    code = "own-file-conflict"

    def __init__(self, conflicts: tuple[Conflict, ...], names: tuple[str, ...]) -> None:
        count = "one path is" if len(conflicts) == 1 else f"{len(conflicts)} paths are"
        super().__init__(
            f"{count} claimed more than once:{in_lines(conflicts, 20)}",
            remedy=f"Move the file elsewhere; or, where it is to stand in place of the package's, write `replaces: "
            f"[{', '.join(names)}]` in the image file.",
        )
        self.conflicts = conflicts


def compose_with(
    packages: Sequence[tuple[Descriptor, Manifest]],
    own: Manifest,
    replaces: Collection[str] = (),
    imports: Sequence[PlacedImport] = (),
) -> Composition:
    """Put packages together under the user's own files, whose paths are relative to the root, and under `imports`.

    A file of the user's stands over the link of a package whose short name is in `replaces`; over any other, and over
    every directory, it is a conflict, and so is an import over anything. Raises `OwnFileConflictError`,
    `ImportConflictError` and what `compose` raises.
    """
    imported = {placed.path: placed for placed in imports}
    laid = with_imports(own, imports)
    directories = frozenset(entry.path for entry in laid.entries if isinstance(entry, Directory))
    told = labels(descriptor for descriptor, _ in packages)
    names = {told[descriptor.store_path]: descriptor.name.short for descriptor, _ in packages}
    conflicts: list[Conflict] = []
    try:
        # Directories that both have are shared: so no package's may be folded into one link.
        composition = compose(packages, BaseTree(directories, frozenset()))
    except ForestConflictError as error:
        ours = [conflict for conflict in error.conflicts if BASE in conflict.owners]
        if not ours:
            raise
        conflicts = [
            Conflict(our.path, (*(owner for owner in our.owners if owner != BASE), _party(our.path, imported)))
            for our in ours
        ]
        raise _refusal(conflicts, names) from error
    links = dict(composition.forest.links)
    shared = frozenset(composition.forest.directories)
    for entry in laid.entries:
        if isinstance(entry, Directory):
            continue
        party = _party(entry.path, imported)
        if entry.path in shared:
            owners = sorted(told[store] for store in _owners(packages, entry.path))
            conflicts.append(Conflict(entry.path, (*owners, party)))
        elif entry.path in links:
            owner = told[links[entry.path].split("/")[2]]
            if party == OWN and names[owner] in replaces:
                del links[entry.path]
            else:
                conflicts.append(Conflict(entry.path, (owner, party)))
    if conflicts:
        raise _refusal(conflicts, names)
    return Composition(composition.packages, _with_links(composition.forest.directories, links, imports))


def _with_links(directories: Sequence[str], links: Mapping[str, str], imports: Sequence[PlacedImport]) -> Forest:
    above = {
        str(parent) for placed in imports for parent in PurePosixPath(placed.path).parents if parent != PurePosixPath()
    }
    together = {**links, **{placed.path: placed.target for placed in imports}}
    return Forest(tuple(sorted({*directories, *above})), tuple(sorted(together.items())))


def _party(path: str, imported: Mapping[str, PlacedImport]) -> str:
    """Return who wants a path beside the packages: an import that lies there or below, else the user's files."""
    for at, each in imported.items():
        if at == path or at.startswith(f"{path}/"):
            return str(each)
    return OWN


def _owners(packages: Sequence[tuple[Descriptor, Manifest]], directory: str) -> Iterator[str]:
    for descriptor, manifest in packages:
        if directory in claimed_paths(manifest, descriptor.links)[1]:
            yield descriptor.store_path


def _refusal(conflicts: list[Conflict], names: dict[str, str]) -> OwnFileConflictError | ImportConflictError:
    if any(OWN not in conflict.owners for conflict in conflicts):
        return ImportConflictError(conflicts)
    parties = {names[owner] for conflict in conflicts for owner in conflict.owners if owner in names}
    return OwnFileConflictError(tuple(sorted(conflicts, key=lambda each: each.path)), tuple(sorted(parties)))
