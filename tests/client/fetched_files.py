"""Files that a client fetches from a small distribution, and altering one byte of such a file."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from farm.trust.index.tree import IndexTree

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.client.distribution import SmallDistribution


def fetched_files(distribution: SmallDistribution, *names: str) -> list[Path]:
    """Return every file that an install of these packages reads, which need no others; without the pinned root."""
    assert distribution.released is not None
    index = IndexTree(distribution.read, distribution.released.index)
    blobs = [distribution.released.index]
    for name in names:
        entry, listing = distribution.entries[name][0], index.listing(name)
        assert listing is not None
        blobs += [entry.descriptor, entry.archive, entry.manifest, entry.facts, entry.provenance, listing.entry]
    folder = distribution.public / "metadata"
    metadata = [max(folder.glob(f"*{role}.json")) for role in ("timestamp", "snapshot", "targets", "edge")]
    targets = [path for path in (distribution.public / "targets").rglob("*") if path.is_file()]
    return [*metadata, *targets, *dict.fromkeys(distribution.blobs.path(blob.digest) for blob in blobs)]


@contextmanager
def one_byte_altered(path: Path) -> Iterator[None]:
    """Alter one byte of a file, of metadata in the signed part; afterwards the file is restored."""
    whole = path.read_bytes()
    place = whole.index(b'"signed"') + 30 if path.parent.name == "metadata" else len(whole) // 2
    path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
    try:
        yield
    finally:
        path.write_bytes(whole)
