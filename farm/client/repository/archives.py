"""Fetching the archives and SBOMs of packages, each from the repository that its release was read from."""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from typing import TYPE_CHECKING

from farm.client.repository.download import DownloadError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from farm.client.repository.catalogue import VerifiedPackage
    from farm.client.repository.download import Downloads
    from farm.core.plan.job import BlobRef


_LARGEST_SBOM = 1 << 20
"""The largest SBOM that is fetched in advance, in bytes; most are a hundredth of that."""


def fetch_archives(packages: Iterable[VerifiedPackage], done: Callable[[BlobRef], None]) -> None:
    """Fetch the archives that this host lacks, calling `done` after each. Raises `DownloadError`."""
    wanted: defaultdict[Downloads, list[tuple[BlobRef, str]]] = defaultdict(list)
    for package in packages:
        wanted[package.downloads].append((package.entry.archive, f"archive of {package.name}"))
    for downloads, blobs in wanted.items():
        downloads.ensure_all(blobs, done)


def keep_sboms(packages: Iterable[VerifiedPackage]) -> None:
    """Fetch the SBOMs of packages, so that they can be shown when no repository can be reached.

    A failure (no repository, no disk space) is no error here: `farm sbom` reports what is missing.
    """
    wanted: defaultdict[Downloads, list[BlobRef]] = defaultdict(list)
    for package in packages:
        if package.entry.sbom and package.entry.sbom.size <= _LARGEST_SBOM:
            wanted[package.downloads].append(package.entry.sbom)
    for downloads, blobs in wanted.items():
        with suppress(DownloadError, OSError):
            downloads.prefetch(blobs, "bill of materials")
