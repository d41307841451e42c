"""Packages of releases as `farm.core.comparison` compares them: verified, with the plan that their builders signed."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from farm.client.repository.download import DownloadError
from farm.client.repository.earlier_releases import releases_back
from farm.client.repository.sources import read_named
from farm.core.comparison.builds import ComparedBuild
from farm.core.recipe.contents import InvalidContentsError, RecipeContents
from farm.core.recipe.declared_sources import RECIPE_FILE
from farm.errors import FarmError
from farm.trust.attestation.provenance import claimed_run
from farm.trust.index.earlier_release import numbered_release

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from farm.client.repository.catalogue import Catalogue, VerifiedPackage
    from farm.client.repository.host import Host
    from farm.core.names.digest import Digest


def release_numbered(catalogue: Catalogue, number: int) -> Catalogue:
    """Return an earlier release of the catalogue's channel. Raises `UntrustedMetadataError`, `DownloadError`."""
    what = f"earlier release of {catalogue.release.subscription}"
    return catalogue.of_release(
        numbered_release(catalogue.release, number, lambda blob: catalogue.downloads.read(blob, what))
    )


def release_with_descriptor(catalogue: Catalogue, name: str, descriptor: Digest) -> Catalogue:
    """Return the newest release that holds a package in one build. Raises `no-such-build`, `DownloadError`."""
    for release, index in releases_back(catalogue):
        entry = index.entry(name)
        if entry is not None and entry.descriptor.digest == descriptor:
            return catalogue.of_release(release)
    raise FarmError(
        f"no release of {catalogue.release.subscription} that can be had holds {name} as {descriptor}",
        remedy=f"`farm info {name}` shows the digest of the newest build.",
        code="no-such-build",
    )


def released_build(catalogue: Catalogue, name: str) -> ComparedBuild:
    """Return a package of a release, verified. Raises as `Catalogue.checked`."""
    package, plan = catalogue.checked(name)
    provenance = package.downloads.read(package.entry.provenance, f"provenance of {name}")
    release = catalogue.home_of(name).release
    return ComparedBuild(
        where=f"{release.channel}@{release.number}",
        descriptor=package.descriptor,
        manifest=package.manifest,
        facts=package.facts,
        plan=plan,
        recipe=_recipe(package),
        seconds=claimed_run(provenance).seconds,
        build=package.build,
    )


def released_files(host: Host, catalogue: Catalogue, name: str) -> Path:
    """Return the directory of a package of a release, fetched, unpacked and verified. Raises as `Host.unpack`."""
    package, _ = catalogue.checked(name)
    return host.unpack([package], lambda _: None)[package.store]


def _recipe(package: VerifiedPackage) -> Mapping[str, bytes] | None:
    """Return the files of the recipe whose tests count, which makes this build; None where they are not published."""
    what = f"recipe of {package.name}"
    with suppress(DownloadError, InvalidContentsError):
        contents = RecipeContents.from_json(read_named(package, package.entry.tested_by, f"list of the {what}"))
        named = {RECIPE_FILE: contents.recipe, **contents.files}
        return {name: read_named(package, digest, what) for name, digest in named.items()}
    return None
