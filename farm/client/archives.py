"""Fetching the archives of packages, each from the repository that its release was read from."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from farm.client.catalogue import VerifiedPackage
    from farm.client.download import Downloads
    from farm.plan import BlobRef


def fetch_archives(packages: Iterable[VerifiedPackage], done: Callable[[BlobRef], None]) -> None:
    """Bring the archives that this host lacks, calling `done` after each. Raises `DownloadError`."""
    wanted: defaultdict[Downloads, list[tuple[BlobRef, str]]] = defaultdict(list)
    for each in packages:
        wanted[each.downloads].append((each.entry.archive, f"archive of {each.name}"))
    for downloads, blobs in wanted.items():
        downloads.ensure_all(blobs, done)
