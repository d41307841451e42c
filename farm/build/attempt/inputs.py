"""Brings together on the worker's host what an order names, and puts the root of its container together from it."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, BinaryIO

from farm.build.attempt.copied_code import CopyableFiles, offer_of
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

    from farm.build.attempt.build_host import Workshop
    from farm.build.sources.fetch import FetchedSource, SourceFetcher
    from farm.core.names.digest import Digest
    from farm.core.plan.job import BuildOrder, DependencyArchive

_LOG = logging.getLogger("farm.build")


def fetch_sources(order: BuildOrder, workshop: Workshop) -> tuple[FetchedSource, ...]:
    """See that the store holds every source of the plan; raises what `SourceFetcher.fetch` raises."""
    origins = {origin.digest: origin for origin in order.source_origins}
    fetcher = workshop.fetcher.anew()
    fetched = []
    for source in order.plan.sources:
        origin = origins.get(source.digest)
        if origin is None or not (origin.url or origin.origins):
            # A file beside the recipe or a package of the toolchain: a blob like any other.
            workshop.obtain(source.digest)
        try:
            fetched.append(fetcher.fetch(source.digest, origin.url if origin else "", origin.origins if origin else ()))
        except FarmError as error:
            error.place = error.place or Place(f"{order.plan.name}, source {source.file}")
            raise
    return tuple(fetched)


def fetch_carried(order: BuildOrder, fetcher: SourceFetcher) -> Iterator[Digest]:
    """Fetch what the order names besides the sources of its plan: it is published with them, and built from by nobody.

    What cannot be had stops no build; it is logged, and whoever asks for the sources is told that it is missing.
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


def bind_sources(order: BuildOrder, fetched: Sequence[FetchedSource]) -> tuple[Bind, ...]:
    """Return the binds of the sources under `/sources`; raises `InvalidOrderError` for a name that is no file name."""
    binds = []
    for source, blob in zip(order.plan.sources, fetched, strict=True):
        if source.file in ("", ".", "..") or "/" in source.file or "\0" in source.file:
            raise InvalidOrderError(f"the plan of {order.plan.name} has a source with the name {source.file!r}")
        binds.append(Bind(blob.path, f"{SOURCES_DIRECTORY}/{source.file}"))
    return tuple(binds)


def build_root(
    order: BuildOrder, workshop: Workshop, directory: Path
) -> tuple[tuple[Bind, ...], tuple[CopyableFiles, ...]]:
    """Put together the root of a build: toolchain, dependencies, links. Makes mounts below `directory`.

    Returns its binds, and of each dependency what there is to copy, in the order of the plan.

    Raises `InvalidOrderError`, and what the stores and `compose` raise.
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
    offers = []
    for dependency in plan.dependencies:
        offer = offer_of(dependency, manifests[dependency.store], packages[dependency.store])
        if offer.files:
            packages[dependency.store] = mount_alone(directory / "alone" / dependency.store, packages[dependency.store])
            offer = replace(offer, place=packages[dependency.store])
        offers.append(offer)
    binds = (*mount_links(directory, composition.forest, toolchain.root), *bind_packages(packages))
    return binds, tuple(offers)


def trial_root(closure: Sequence[DependencyArchive], workshop: Workshop, directory: Path) -> tuple[Bind, ...]:
    """Put together the root of a package test: the closure, and nothing beneath it."""
    packages, described = _unpack(closure, workshop)
    return (*render_links(directory, compose(described).forest), *bind_packages(packages))


def toolchain_root(
    archives: Sequence[DependencyArchive], toolchain: Digest, workshop: Workshop, directory: Path
) -> tuple[Bind, ...]:
    """Put together the root of a toolchain with packages beside it, none of which has links. Makes mounts there."""
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
        packages[archive.store] = _ensure(archive, workshop)
    return packages, described


def _ensure(each: DependencyArchive, workshop: Workshop) -> Path:
    def open_archive() -> BinaryIO:
        workshop.obtain(each.archive.digest)
        return workshop.store.open(each.archive.digest)

    return workshop.cache.ensure(each.store, each.tree, open_archive)
