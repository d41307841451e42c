"""The user's own directories in a late-bound run: where they are, without copying, and where an image would have them.

A directory with a place of its own is bound there. What lies below `/usr` and `/etc`, where the packages' links are,
becomes links into the directory, bound under `/packages/.own`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from farm.compat.composition import Composition
from farm.compat.own_files import compose_with
from farm.compat.path_imports import place_imports
from farm.fileset import Directory, Forest, Link, Manifest
from farm.oci.own_layer import LEFT_OUT, OwnFilesError, placed_entries

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from farm.fileset import Entry
    from farm.package import Descriptor
    from farm.recipe.image_file import PathImport

_LINKED = ("usr", "etc")
_OWN = "/packages/.own"
_FRESH = "tmp"


@dataclass(frozen=True, slots=True)
class OwnMounts:
    """Packages with the user's directories: one composition, what is bound where, and what of it is not shown."""

    composition: Composition
    binds: tuple[tuple[str, str], ...] = ()
    hidden: tuple[str, ...] = ()


def own_mounts(
    directories: Sequence[tuple[Path, str]],
    packages: Sequence[tuple[Descriptor, Manifest]],
    replaces: Collection[str] = (),
    imports: Iterable[PathImport] = (),
    unpacked: Callable[[str], Path] = Path,
) -> OwnMounts:
    """Return how these directories, each with its path in the image (empty: its root), are seen beside packages.

    What `imports` asks for is seen at its path too: below `/usr` and `/etc` as a link, elsewhere bound from where
    `unpacked` says that the package's directory is. Files keep the modes that they have here; `.git` is not shown.
    Raises `OwnFileConflictError` where a file stands in the way of a package, `ImportConflictError`, `PathImportError`,
    `OwnFilesError`, `UnfitTreeError`, and what `compose` raises.
    """
    directories = [(each.absolute(), at) for each, at in directories]
    found = placed_entries(directories)
    own = Manifest.of((entry for _, _, entry in found.values()), absolute_links=True)
    placed = place_imports(imports, packages)
    composition = compose_with(packages, own, replaces, placed)
    seen = {source: f"{_OWN}/{number}" for number, source in enumerate(sorted({each for each, _ in directories}))}
    links, linked = _links(found, seen), set[Path]()
    for path in links:
        linked.add(found[path][0])
    binds = [(str(source), seen[source]) for source in sorted(linked)]
    for directory, at in directories:
        binds += _binds(directory, at)
    hidden = _hidden(binds)
    binds += [
        (str(unpacked(each.store) / each.inside), f"/{each.path}") for each in placed if not _is_linked(each.path)
    ]
    forest = composition.forest
    shared = {path for path, (_, _, entry) in found.items() if isinstance(entry, Directory) and _is_linked(path)}
    forest = Forest(
        tuple(sorted({*forest.directories, *shared})), tuple(sorted({**dict(forest.links), **links}.items()))
    )
    return OwnMounts(Composition(composition.packages, forest), tuple(binds), hidden)


def _links(found: Mapping[str, tuple[Path, str, Entry]], seen: Mapping[Path, str]) -> dict[str, str]:
    links = {}
    for path, (source, inside, entry) in found.items():
        if _is_linked(path) and not isinstance(entry, Directory):
            # A link of the user's stays what it is: relative to its place in the image.
            links[path] = entry.target if isinstance(entry, Link) else f"{seen[source]}/{inside}"
    return links


def _is_linked(path: str) -> bool:
    return path.partition("/")[0] in _LINKED


def _binds(directory: Path, at: str) -> list[tuple[str, str]]:
    if at:
        top = at.partition("/")[0]
        return [] if top in (*_LINKED, "bin", "sbin", "lib", "lib64") else [(str(directory), f"/{at}")]
    binds = []
    for each in sorted(directory.iterdir()):
        if each.name in (*_LINKED, *LEFT_OUT, "bin", "sbin", "lib", "lib64"):
            continue
        if each.is_symlink() or each.name == _FRESH:
            why = "is fresh at each run" if each.name == _FRESH else "is a link, and a run's root holds none of yours"
            raise OwnFilesError(
                f"{each} cannot be seen at /{each.name}, which {why}", remedy="Move it, or build an image of it."
            )
        binds.append((str(each), f"/{each.name}"))
    return binds


def _hidden(binds: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """Return where what an image would not hold is seen: directories alone, of a file its name tells enough."""
    hidden = []
    for source, target in binds:
        for name in LEFT_OUT:
            hidden += [
                f"{target}/{path.relative_to(source)}".replace("//", "/")
                for path in Path(source).rglob(name)
                if path.is_dir() and not path.is_symlink()
            ]
    return tuple(sorted(hidden))
