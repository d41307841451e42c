"""Builds of this machine as `farm.core.comparison` compares them, and where their files are."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from farm.core.comparison.builds import ComparedBuild
from farm.core.fileset.manifest import Manifest
from farm.core.package.facts import PackageFacts
from farm.core.recipe.contents import InvalidContentsError, RecipeContents
from farm.core.recipe.declared_sources import RECIPE_FILE
from farm.store.errors import CorruptBlobError, MissingBlobError
from farm.store.unpack import PackageCache
from farm.trust.attestation.provenance import build_number_of, claimed_run, plan_by_digest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from farm.build.local_state import LocalRecord, LocalState
    from farm.core.names.digest import Digest
    from farm.core.plan.job import BuiltPackage
    from farm.store.blobs import BlobStore


def builds_here(state: LocalState, name: str) -> Iterator[ComparedBuild]:
    """Yield the builds of a package by its short name, newest first. Raises what reading blobs raises."""
    for record, package in _packages(state, name):
        yield _compared(state.store, record, package)


def files_here(state: LocalState, build: ComparedBuild) -> Path:
    """Return the directory of a build that `builds_here` gave, unpacked and verified.

    Raises `StopIteration` for any other build, and what unpacking raises.
    """
    name, digest = build.descriptor.name.short, build.descriptor.digest
    package = next(package for _, package in _packages(state, name) if package.descriptor.digest == digest)
    archive, descriptor = package.archive.digest, package.descriptor
    return PackageCache(state.packages).ensure(
        descriptor.store_path, descriptor.tree, lambda: state.store.open(archive), look=build.manifest
    )


def _packages(state: LocalState, name: str) -> Iterator[tuple[LocalRecord, BuiltPackage]]:
    for record in state.builds_of(name):
        yield from ((record, package) for package in record.packages if package.descriptor.name.short == name)


def _compared(store: BlobStore, record: LocalRecord, package: BuiltPackage) -> ComparedBuild:
    provenance = store.read(record.provenance)  # of this machine, or verified when it was fetched
    run = claimed_run(provenance)
    return ComparedBuild(
        where=f"published in {record.release}" if record.release else "built here",
        descriptor=package.descriptor,
        manifest=Manifest.from_json(store.read(package.manifest.digest)),
        facts=PackageFacts.from_json(store.read(package.facts.digest)),
        plan=plan_by_digest(provenance, package.descriptor.plan),
        recipe=_recipe(store, run.recipe),
        seconds=run.seconds,
        build=build_number_of(provenance),
    )


def _recipe(store: BlobStore, digest: Digest) -> Mapping[str, bytes] | None:
    """Return the files of a recipe; None if they are not stored here."""
    with suppress(MissingBlobError, CorruptBlobError, InvalidContentsError):
        contents = RecipeContents.from_json(store.read(digest))
        named = {RECIPE_FILE: contents.recipe, **contents.files}
        return {name: store.read(blob) for name, blob in named.items()}
    return None
