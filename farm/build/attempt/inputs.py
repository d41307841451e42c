"""Fetches what an order names to the worker's host, and makes the root of its container."""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from farm.build.attempt.copied_code import CopyableFiles, copyable_files
from farm.build.attempt.errors import BuildCancelledError, BuildFailedError, InvalidOrderError
from farm.build.sources.archives.archive_format import SNIFFED, check_format
from farm.build.sources.archives.confined import ArchiveReader, ReadingCancelledError
from farm.build.sources.archives.members import UnreadableArchiveError
from farm.container.environment import bind_packages, mount_alone, mount_links, render_links
from farm.container.sandbox_spec import MB, Bind
from farm.core.fileset.manifest import Manifest
from farm.core.package.descriptor import Descriptor
from farm.core.recipe.archive_names import TAR_SUFFIXES, unpacked_file
from farm.core.recipe.contents import RecipeContents
from farm.core.recipe.declared_sources import RECIPE_FILE
from farm.core.recipe.recipe import SOURCES_DIRECTORY
from farm.core.recipe.source_places import source_problem
from farm.core.sets.composition.compose import compose
from farm.errors import FarmError, Place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from farm.build.attempt.log_keeper import LogKeeper
    from farm.build.attempt.workshop import Workshop
    from farm.build.sources.fetch import SourceFetcher
    from farm.core.names.digest import Digest
    from farm.core.plan.job import BuildOrder, DependencyArchive
    from farm.core.plan.plan import PlannedSource

_LOG = logging.getLogger("farm.build")
_MOST_UNPACKED = 4 << 30
"""The bytes on the worker's disk that all archives of a build may take that are written as tar for it."""
_RESERVE = 1 << 30
"""The bytes of the disk that stay free for others."""


def fetch_sources(
    order: BuildOrder,
    workshop: Workshop,
    log: LogKeeper,
    directory: Path,
    *,
    cancelled: Callable[[], bool] = lambda: False,
) -> tuple[Bind, ...]:
    """Fetch every source of the plan into the store, and return their binds under `/sources`.

    An archive that `tar` cannot read is there as a tar archive too, which is written into `directory`. Raises
    `InvalidOrderError` for a source whose name is no file name, `BuildFailedError` for an archive that cannot be
    unpacked, with its place in the recipe, `BuildCancelledError`, and what `SourceFetcher.fetch` raises.
    """
    origins = {origin.digest: origin for origin in order.source_origins}
    fetcher = workshop.fetcher.fresh()
    reader = ArchiveReader(cancelled=cancelled)
    left = _left_for_archives(order, directory)
    binds = []
    for source in order.plan.sources:
        if source.file in ("", ".", "..") or "/" in source.file or "\0" in source.file:
            raise InvalidOrderError(f"the plan of {order.plan.name} has a source with the name {source.file!r}")
        origin = origins.get(source.digest)
        if origin is None or not (origin.url or origin.origins):
            # A file beside the recipe or a package of the toolchain: an ordinary blob.
            workshop.obtain(source.digest)
        try:
            origin_name = fetcher.fetch(source.digest, origin.url if origin else "", origin.origins if origin else ())
        except FarmError as error:
            error.place = error.place or Place(f"{order.plan.name}, source {source.file}")
            raise
        log.say(f"source {source.file} {source.digest} from {origin_name}")
        try:
            files = _with_tar(source, workshop.store.path(source.digest), directory, reader, most_bytes=left)
        except UnreadableArchiveError as error:
            raise _unreadable(order, source, workshop, error) from error
        except ReadingCancelledError as error:
            raise BuildCancelledError(str(order.plan.name)) from error
        left -= sum(path.stat().st_size for path in files.values() if path.parent == directory)
        binds += [Bind(path, f"{SOURCES_DIRECTORY}/{name}") for name, path in files.items()]
    return tuple(binds)


def _left_for_archives(order: BuildOrder, directory: Path) -> int:
    """Return the bytes that may be written for an order: what fits into its /build, and leaves some of the disk."""
    state = os.statvfs(directory)
    free = state.f_bavail * state.f_frsize - _RESERVE
    return max(0, min(order.limits.memory_mb * MB, _MOST_UNPACKED, free))


def _with_tar(
    source: PlannedSource, path: Path, directory: Path, reader: ArchiveReader, *, most_bytes: int
) -> dict[str, Path]:
    """Return a source by its name, and the tar archive of at most `most_bytes` that is made if `tar` cannot read it.

    Raises `UnreadableArchiveError`, `ReadingCancelledError`.
    """
    files = {source.file: path}
    with path.open("rb") as file:
        check_format(source, file.read(SNIFFED))
    if source.unpack and (tar := unpacked_file(source.file)) != source.file:
        files[tar] = directory / tar
        reader.write_as_tar(path, Path(source.file).suffix, files[tar], most_bytes=most_bytes)
    elif source.unpack and source.file.endswith(TAR_SUFFIXES):
        reader.check_not_flat(path)
    return files


def _unreadable(
    order: BuildOrder, source: PlannedSource, workshop: Workshop, error: UnreadableArchiveError
) -> BuildFailedError:
    """Return the failure of a build whose source cannot be unpacked, with its place in the recipe."""
    failed = BuildFailedError(
        f"{order.plan.name}: the source {source.file} cannot be unpacked: {error.message}",
        remedy=error.remedy or "Take another archive of this release; or write unpack: false, and unpack it in a step.",
        code=error.code,
    )
    with suppress(FarmError, OSError):  # without the text of the recipe, the name of the source must do
        workshop.obtain(order.recipe_digest)
        text = RecipeContents.from_json(workshop.store.read(order.recipe_digest)).recipe
        workshop.obtain(text)
        file = f"packages/{order.plan.name.short}/{RECIPE_FILE}"
        number = order.plan.sources.index(source)
        failed.place = source_problem(workshop.store.read(text), file, number, failed.message, failed.remedy).place
    return failed


def fetch_carried(order: BuildOrder, fetcher: SourceFetcher) -> Iterator[Digest]:
    """Fetch the files that are published with the sources of a plan, and that nothing is built from.

    A file that cannot be fetched fails no build: it is logged, and shown as missing among the sources.
    """
    built_from = {source.digest for source in order.plan.sources}
    for origin in order.source_origins:
        if origin.digest in built_from:
            continue
        try:
            fetcher.fetch(origin.digest, origin.url, origin.origins)
        except FarmError as error:
            _LOG.warning("%s is published without the whole source of Debian's packages: %s", order.plan.name, error)
        else:
            yield origin.digest


def build_root(
    order: BuildOrder, workshop: Workshop, directory: Path
) -> tuple[tuple[Bind, ...], tuple[CopyableFiles, ...]]:
    """Make the root of a build from toolchain, dependencies and links. Makes mounts below `directory`.

    Returns its binds, and the files of each dependency that can be copied, in the order of the plan. Raises
    `InvalidOrderError`, and what the stores and `compose` raise.
    """
    plan = order.plan
    if {(dependency.store, dependency.tree) for dependency in plan.dependencies} != {
        (archive.store, archive.tree) for archive in order.archives
    }:
        raise InvalidOrderError(f"the order for {plan.name} does not bring the dependencies that its plan names")
    toolchain = workshop.toolchains(plan.toolchain)
    packages, described = _unpack(order.archives, workshop)
    composition = compose(described, toolchain.base, shadows=plan.shadows)
    manifests = {descriptor.store_path: manifest for descriptor, manifest in described}
    copyable = []
    for dependency in plan.dependencies:
        files = copyable_files(dependency, manifests[dependency.store], packages[dependency.store])
        if files.files:
            packages[dependency.store] = mount_alone(directory / "alone" / dependency.store, packages[dependency.store])
            files = replace(files, place=packages[dependency.store])
        copyable.append(files)
    binds = (*mount_links(directory, composition.forest, toolchain.root), *bind_packages(packages))
    return binds, tuple(copyable)


def trial_root(closure: Sequence[DependencyArchive], workshop: Workshop, directory: Path) -> tuple[Bind, ...]:
    """Make the root of a package test: the closure, and nothing below it."""
    packages, described = _unpack(closure, workshop)
    return (*render_links(directory, compose(described).forest), *bind_packages(packages))


def toolchain_root(
    archives: Sequence[DependencyArchive], toolchain: Digest, workshop: Workshop, directory: Path
) -> tuple[Bind, ...]:
    """Make the root of a toolchain, with packages beside it that are not linked. Makes mounts below `directory`."""
    packages, _ = _unpack(archives, workshop)
    found = workshop.toolchains(toolchain)
    return (*mount_links(directory, compose((), found.base).forest, found.root), *bind_packages(packages))


def _unpack(
    archives: Sequence[DependencyArchive], workshop: Workshop
) -> tuple[dict[str, Path], list[tuple[Descriptor, Manifest]]]:
    packages, described = {}, []
    for archive in archives:
        for digest in (archive.descriptor, archive.manifest.digest):
            workshop.obtain(digest)
        descriptor = Descriptor.from_json(workshop.store.read(archive.descriptor))
        if (descriptor.tree, descriptor.store_path) != (archive.tree, archive.store):
            raise InvalidOrderError(f"the descriptor {archive.descriptor} is not of {archive.store}, as the order says")
        described.append((descriptor, Manifest.from_json(workshop.store.read(archive.tree))))
        packages[archive.store] = _unpacked(archive, workshop)
    return packages, described


def _unpacked(package: DependencyArchive, workshop: Workshop) -> Path:
    def open_archive() -> BinaryIO:
        workshop.obtain(package.archive.digest)
        return workshop.store.open(package.archive.digest)

    return workshop.cache.ensure(package.store, package.tree, open_archive)
