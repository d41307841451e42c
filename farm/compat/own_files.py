"""A user's own files over a composition: neither they nor a package's links ever win because of an order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.compat.claimed import claimed_paths
from farm.compat.compose import compose
from farm.compat.composition import Composition
from farm.errors import FarmError
from farm.fileset import BASE, BaseTree, Conflict, Directory, Forest, ForestConflictError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from farm.fileset import Manifest
    from farm.package import Descriptor

OWN = "your own files"
"""What the user's files are called where they are a party to a conflict."""


class OwnFileConflictError(FarmError):
    """The user's files and packages claim the same paths; `conflicts` lists every one of them, by path."""

    code = "own-file-conflict"

    def __init__(self, conflicts: tuple[Conflict, ...], names: tuple[str, ...]) -> None:
        lines = "\n".join(f"  {conflict}" for conflict in conflicts)
        count = "one path is" if len(conflicts) == 1 else f"{len(conflicts)} paths are"
        super().__init__(
            f"{count} claimed more than once:\n{lines}",
            remedy=f"Move the file elsewhere; or, where it is to stand in place of the package's, write `replaces: "
            f"[{', '.join(names)}]` in the image file.",
        )
        self.conflicts = conflicts


def compose_with(
    packages: Sequence[tuple[Descriptor, Manifest]], own: Manifest, replaces: Collection[str] = ()
) -> Composition:
    """Put packages together under the user's own files, whose paths are relative to the root.

    A file of the user's stands over the link of a package whose short name is in `replaces`; over any other, and over
    every directory, it is a conflict. Raises `OwnFileConflictError` and what `compose` raises.
    """
    directories = frozenset(entry.path for entry in own.entries if isinstance(entry, Directory))
    names = {descriptor.store_path: descriptor.name.short for descriptor, _ in packages}
    conflicts: list[Conflict] = []
    try:
        # Directories that both have are shared: so no package's may be folded into one link.
        composition = compose(packages, BaseTree(directories, frozenset()))
    except ForestConflictError as error:
        ours = [each for each in error.conflicts if BASE in each.owners]
        if not ours:
            raise
        conflicts = [Conflict(each.path, (*(owner for owner in each.owners if owner != BASE), OWN)) for each in ours]
        raise _refusal(conflicts, names) from error
    links = dict(composition.forest.links)
    shared = frozenset(composition.forest.directories)
    for entry in own.entries:
        if isinstance(entry, Directory):
            continue
        if entry.path in shared:
            conflicts.append(Conflict(entry.path, (*_owners(packages, entry.path), OWN)))
        elif entry.path in links:
            owner = links[entry.path].split("/")[2]
            if names[owner] in replaces:
                del links[entry.path]
            else:
                conflicts.append(Conflict(entry.path, (owner, OWN)))
    if conflicts:
        raise _refusal(conflicts, names)
    return Composition(composition.packages, Forest(composition.forest.directories, tuple(sorted(links.items()))))


def _owners(packages: Sequence[tuple[Descriptor, Manifest]], directory: str) -> tuple[str, ...]:
    return tuple(
        sorted(
            descriptor.store_path
            for descriptor, manifest in packages
            if directory in claimed_paths(manifest, descriptor.links)[1]
        )
    )


def _refusal(conflicts: list[Conflict], names: dict[str, str]) -> OwnFileConflictError:
    parties = {names[owner] for conflict in conflicts for owner in conflict.owners if owner in names}
    return OwnFileConflictError(tuple(sorted(conflicts, key=lambda each: each.path)), tuple(sorted(parties)))
