"""The user's own directories in a late-bound run: mounted without a copy, at their paths in an image.

A run may never write to this host's packages, nor to the state that verifies them, whatever is mounted.
A directory with a path of its own is bound there. What belongs below `/usr` and `/etc`, where the packages' links are,
becomes links into the directory, which is bound under `/packages/.own`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from farm.client.root.known_roots import roots, states
from farm.core.fileset.forest import Forest
from farm.core.fileset.manifest import Directory, Link, Manifest
from farm.core.names.root_places import MERGED
from farm.core.sets.composition.additions import compose_with, place_imports
from farm.core.sets.composition.compose import Composition
from farm.errors import FarmError
from farm.oci.own_files import IgnoreRules, OwnFilesError, placed_entries

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from farm.client.repository.catalogue import VerifiedPackage
    from farm.client.repository.host import Host
    from farm.container.sandbox_spec import Bind
    from farm.core.fileset.manifest import Entry
    from farm.core.package.descriptor import Descriptor
    from farm.core.subscriber.image_file import ImageFile, PathImport

_LINKED = ("usr", "etc")
_TAKEN = (*_LINKED, *MERGED)
_OWN = "/packages/.own"
_FRESH = "tmp"
_MOST_HIDDEN = 200
"""The most files that are hidden: each of them is a mount of its own."""


@dataclass(frozen=True, slots=True)
class OwnMounts:
    """Packages with the user's directories: one composition, the mounts, and what of these to show empty.

    Directories and files that an image would not hold are shown empty.
    """

    composition: Composition
    binds: tuple[tuple[str, str], ...] = ()
    hidden: tuple[str, ...] = ()
    hidden_files: tuple[str, ...] = ()


def check_writable(host: Host, binds: Iterable[Bind]) -> None:
    """Check that no writable mount reaches a host's state or cache. Raises `writable-mount`."""
    written = [bind for bind in binds if bind.writable]
    if not written:
        return
    known = states(host)
    # Roots share files with the cache.
    kept = {path.resolve() for path in (host.shared, *known, *(root for state in known for root in roots(state)))}
    for bind in written:
        source = bind.source.resolve()
        for place in sorted(kept):
            if place.is_relative_to(source) or source.is_relative_to(place):
                raise FarmError(
                    f"{bind.source} cannot be mounted writable: farm keeps packages and state in {place}",
                    remedy=f"Mount a directory that is not in {place} and does not contain it; or leave out `:rw`.",
                    code="writable-mount",
                )


def mounts_of(
    host: Host, file: Path | None, image_file: ImageFile | None, packages: Sequence[VerifiedPackage]
) -> OwnMounts:
    """Return how packages are composed with the directories that an image file, if there is one, names beside it.

    Raises what `check_replaced`, `own_directories` and `own_mounts` raise.
    """
    described = [(package.descriptor, package.manifest) for package in packages]
    if file is None or image_file is None:
        return own_mounts([], described)
    from farm.client.image.asking import check_replaced, own_directories  # noqa: PLC0415  (loads a YAML reader)

    check_replaced(image_file, {package.descriptor.name.short for package in packages})
    directories = own_directories(image_file, file.parent)
    own = own_mounts(directories, described, image_file.replaces, image_file.imports, host.cache.path)
    empty = host.state / "empty"
    if own.hidden_files and not empty.exists():
        empty.touch(0o444)
    return replace(own, binds=(*own.binds, *((str(empty), path) for path in own.hidden_files)))


def own_mounts(
    directories: Sequence[tuple[Path, str]],
    packages: Sequence[tuple[Descriptor, Manifest]],
    replaces: Collection[str] = (),
    imports: Iterable[PathImport] = (),
    unpacked: Callable[[str], Path] = Path,
) -> OwnMounts:
    """Return how these directories, each with its path in the image (empty: its root), are composed with packages.

    The paths of `imports` are visible too: below `/usr` and `/etc` as a link, elsewhere bound from the package's
    directory that `unpacked` names. Files keep the modes that they have here; ignored files are not shown. Raises the
    errors `own-file-conflict`, `import-conflict`, `path-import` and `ignore-file`, `OwnFilesError`, `UnfitTreeError`,
    and what `compose` raises.
    """
    directories = [(directory.absolute(), at) for directory, at in directories]
    rules = {directory: IgnoreRules.of(directory) for directory, _ in directories if directory.is_dir()}
    found = placed_entries(directories, rules=rules.__getitem__)
    own = Manifest.of((entry for _, _, entry in found.values()), absolute_links=True)
    placed = place_imports(imports, packages)
    composition = compose_with(packages, own, replaces, placed)
    seen = {
        source: f"{_OWN}/{number}" for number, source in enumerate(sorted({directory for directory, _ in directories}))
    }
    links = _links(found, seen)
    binds = [(str(source), seen[source]) for source in sorted({found[path][0] for path in links})]
    for directory, at in directories:
        binds += _binds(directory, at, rules[directory])
    hidden = _hidden(binds, rules)
    binds += [
        (str(unpacked(imported.store) / imported.inside), f"/{imported.path}")
        for imported in placed
        if not _is_linked(imported.path)
    ]
    forest = composition.forest
    shared = {path for path, (_, _, entry) in found.items() if isinstance(entry, Directory) and _is_linked(path)}
    forest = Forest(
        tuple(sorted({*forest.directories, *shared})), tuple(sorted({**dict(forest.links), **links}.items()))
    )
    return OwnMounts(Composition(composition.packages, forest), tuple(binds), *hidden)


def _links(found: Mapping[str, tuple[Path, str, Entry]], seen: Mapping[Path, str]) -> dict[str, str]:
    links = {}
    for path, (source, inside, entry) in found.items():
        if _is_linked(path) and not isinstance(entry, Directory):
            # The user's link stays as it is: relative to its path in the image.
            links[path] = entry.target if isinstance(entry, Link) else f"{seen[source]}/{inside}"
    return links


def _is_linked(path: str) -> bool:
    return path.partition("/")[0] in _LINKED


def _binds(directory: Path, at: str, rules: IgnoreRules) -> list[tuple[str, str]]:
    if at:
        top = at.partition("/")[0]
        return [] if top in _TAKEN else [(str(directory), f"/{at}")]
    binds = []
    for path in sorted(directory.iterdir()):
        if path.name in _TAKEN or rules.met & {path.name, f"{path.name}/"}:
            continue
        if path.is_symlink() or path.name == _FRESH:
            why = "is fresh at each run" if path.name == _FRESH else "is a link, and a run's root holds none of yours"
            raise OwnFilesError(
                f"{path} cannot be seen at /{path.name}, which {why}", remedy="Move it, or build an image of it."
            )
        binds.append((str(path), f"/{path.name}"))
    return binds


def _hidden(
    binds: Sequence[tuple[str, str]], rules: Mapping[Path, IgnoreRules]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the directories and the files that are visible although an image would not hold them."""
    directories, files = set[str](), set[str]()
    for directory, own in rules.items():
        for path in own.met:
            for source, target in binds:
                if (directory / path).is_relative_to(source):
                    place = str(Path(target) / (directory / path).relative_to(source))
                    (directories if path.endswith("/") else files).add(place)
    if len(directories) + len(files) > _MOST_HIDDEN:
        raise OwnFilesError(
            f"{len(directories) + len(files)} paths are ignored one by one, and a run can hide {_MOST_HIDDEN}",
            remedy="Ignore the directories that they lie in, or build an image.",
        )
    return tuple(sorted(directories)), tuple(sorted(files))
