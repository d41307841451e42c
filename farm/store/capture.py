"""Captures a tree on disk, which may be hostile: a manifest and a canonical archive in the store."""

from __future__ import annotations

import hashlib
import os
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import zstandard

from farm.core.fileset.archive import ArchiveWriter
from farm.core.fileset.manifest import Entry, File, Manifest
from farm.core.names.digest import Digest
from farm.core.plan.job import BlobRef
from farm.store.errors import TreeChangedError
from farm.store.scan import NOT_READ
from farm.store.tree_reader import PIECE, TreeReader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from farm.store.blobs import BlobStore

_KEPT_BYTES = 256 << 20
"""How much content is held in memory between computing the tree digest and writing the archive that it names."""

LEVEL = 3
"""The zstd level of the archives that the farm stores."""
_BATCH = 1 << 20


@dataclass(frozen=True, slots=True)
class Captured:
    """A tree in the store.

    Its parts are the manifest (a blob too, under the tree digest), the digest of the uncompressed archive (the
    `diff_id` of OCI), and the blob of the compressed archive.
    """

    manifest: Manifest
    diff_id: Digest
    archive: BlobRef

    @property
    def tree(self) -> Digest:
        """The tree digest."""
        return self.manifest.tree_digest


def capture_tree(
    root: Path | int,
    tree: Manifest,
    store: BlobStore,
    *,
    prefix: str | Callable[[Manifest], str],
    sources: Mapping[str, str] | None = None,
    threads: int | None = None,
) -> Captured:
    """Read the files of `tree` from under `root`, and put its archive and its manifest into the store.

    `tree` comes from `scan_tree`, with possible changes to its entries; digests other than `NOT_READ` in it are
    checked. `sources` maps paths in `tree` to paths under `root` where they differ. `prefix` is the tree's path in the
    archive; where that depends on the tree digest (`packages/<store path>`), it is a function of the complete manifest:
    then everything is hashed before the first byte is archived, and files that do not fit into the memory for this are
    read, and checked, twice. Raises `TreeChangedError` for a file that differs from the tree.
    """
    threads = threads or os.cpu_count() or 1
    with TreeReader(root) as reader:
        contents = _Contents(reader, sources or {})
        if not isinstance(prefix, str):
            for file in tree.files():
                contents.keep(file)
            tree = contents.completed(tree)
            prefix = prefix(tree)
        with ArchiveBlob(store, threads=threads) as blob:
            for piece in ArchiveWriter(prefix).archive(tree, contents.pieces):
                blob.add(piece)
            diff_id, archive = blob.commit()
    manifest = contents.completed(tree)
    store.put_bytes(manifest.to_json())
    return Captured(manifest, diff_id, archive)


def digest_tree(root: Path | int, tree: Manifest) -> Manifest:
    """Return `tree` with the digests of its files under `root`; raises `TreeChangedError`."""
    with TreeReader(root) as reader:
        contents = _Contents(reader, {})
        for file in tree.files():
            for _ in contents.pieces(file):
                pass
        return contents.completed(tree)


class _Contents:
    """Reads and hashes the contents of a tree's files, and keeps some between the first reading and the second."""

    def __init__(self, reader: TreeReader, sources: Mapping[str, str]) -> None:
        self._reader = reader
        self._sources = sources
        self._kept: dict[str, bytes] = {}
        self._room = _KEPT_BYTES
        self._files: dict[str, Entry] = {}

    def keep(self, file: File) -> None:
        """Read a file, and keep its content if there is room."""
        keeps = file.size <= min(PIECE, self._room)
        for piece in self.pieces(file):
            if keeps:  # it is the only piece
                self._kept[file.path] = piece
                self._room -= file.size

    def pieces(self, file: File) -> Iterator[bytes]:
        """Yield the content of a file, whose digest is known afterwards. Raises `TreeChangedError`."""
        if (kept := self._kept.pop(file.path, None)) is not None:
            yield kept
            return
        source, hasher = self._sources.get(file.path, file.path), hashlib.sha256()
        is_small = file.size <= PIECE
        pieces = (self._reader.read(source, file.size),) if is_small else self._reader.pieces(source, file.size)
        for piece in pieces:
            hasher.update(piece)
            yield piece
        self._files[file.path] = _checked(file, hasher.hexdigest())

    def completed(self, tree: Manifest) -> Manifest:
        """Return the tree with the digests of the files that were read."""
        # The paths were checked when `tree` was made. An unchanged manifest keeps its computed digest.
        entries = tuple(self._files.get(entry.path, entry) for entry in tree.entries)
        return tree if entries == tree.entries else Manifest(entries, tree.imports, tree.absolute_links)


def _checked(entry: File, digits: str) -> File:
    digest = Digest.from_hex(digits)
    if entry.digest == digest:
        return entry
    if entry.digest != NOT_READ:
        raise TreeChangedError(entry.path, f"its content had the digest {entry.digest}, and has {digest}")
    return File(entry.path, entry.size, digest, entry.executable)


class ArchiveBlob(AbstractContextManager["ArchiveBlob"]):
    """Takes the pieces of an uncompressed archive; `commit` returns its digest and the compressed blob.

    Use it as a context manager; without `commit` it leaves nothing in the store. `threads` compress in the background.
    (A hashing thread was tried: handing over the interpreter lock cost more than it gained.)
    """

    def __init__(self, store: BlobStore, *, threads: int) -> None:
        self._pieces: list[bytes] = []
        self._gathered = 0
        self._writer = store.writer()
        self._hash = hashlib.sha256()
        self._compressor = zstandard.ZstdCompressor(level=LEVEL, threads=threads).compressobj()

    def __exit__(self, *error: object) -> None:
        self._writer.__exit__(*error)

    def add(self, piece: bytes) -> None:
        """Append a piece of the archive."""
        self._pieces.append(piece)
        self._gathered += len(piece)
        if self._gathered >= _BATCH:
            self._flush()

    def commit(self) -> tuple[Digest, BlobRef]:
        """End the archive; return the digest of the uncompressed bytes and the blob of the compressed ones."""
        self._flush()
        self._writer.write(self._compressor.flush())
        blob = BlobRef(self._writer.commit(), self._writer.size)
        return Digest.from_hex(self._hash.hexdigest()), blob

    def _flush(self) -> None:
        batch = b"".join(self._pieces)
        self._pieces, self._gathered = [], 0
        self._hash.update(batch)
        self._writer.write(self._compressor.compress(batch))
