"""Fetches what an order names to the worker's host, and makes the root of its container."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, BinaryIO

from farm.build.attempt.copied_code import CopyableFiles, copyable_files
from farm.build.attempt.errors import InvalidOrderError
from farm.container.environment import bind_packages, mount_alone, mount_links, render_links
from farm.container.sandbox_spec import Bind
from farm.core.fileset.manifest import Manifest
from farm.core.package.descriptor import Descriptor
from farm.core.recipe.recipe import SOURCES_DIRECTORY
from farm.core.sets.composition.compose import compose
from farm.errors import FarmError, Place

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from farm.build.attempt.log_keeper import LogKeeper
    from farm.build.attempt.workshop import Workshop
    from farm.build.sources.fetch import SourceFetcher
    from farm.core.names.digest import Digest
    from farm.core.plan.job import BuildOrder, DependencyArchive

_LOG = logging.getLogger("farm.build")


def fetch_sources(order: BuildOrder, workshop: Workshop, log: LogKeeper) -> tuple[Bind, ...]:
    """Fetch every source of the plan into the store, and return their binds under `/sources`.

    Raises `InvalidOrderError` for a source whose name is no file name, and what `SourceFetcher.fetch` raises.
    """
    origins = {origin.digest: origin for origin in order.source_origins}
    fetcher = workshop.fetcher.fresh()
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
        binds.append(Bind(workshop.store.path(source.digest), f"{SOURCES_DIRECTORY}/{source.file}"))
    return tuple(binds)


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
