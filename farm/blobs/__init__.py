"""The content-addressed store, and the two ways between it and trees of files: capture and unpack."""

from farm.blobs.capture import Captured, capture_tree, digest_tree
from farm.blobs.decompress import archive_chunks
from farm.blobs.errors import (
    BlobMismatchError,
    CorruptBlobError,
    MissingBlobError,
    TreeChangedError,
    TreeProblem,
    UndecodableArchiveError,
    UnfitTreeError,
    UnpackMismatchError,
)
from farm.blobs.scan import NOT_READ, ScanLimits, scan_tree
from farm.blobs.store import BlobStore, BlobWriter
from farm.blobs.unpack import PackageCache
from farm.blobs.unpack_many import Wanted, ensure_many
from farm.blobs.unpacked import PassingArchive, unpacked_digest

__all__ = [
    "NOT_READ",
    "BlobMismatchError",
    "BlobStore",
    "BlobWriter",
    "Captured",
    "CorruptBlobError",
    "MissingBlobError",
    "PackageCache",
    "PassingArchive",
    "ScanLimits",
    "TreeChangedError",
    "TreeProblem",
    "UndecodableArchiveError",
    "UnfitTreeError",
    "UnpackMismatchError",
    "Wanted",
    "archive_chunks",
    "capture_tree",
    "digest_tree",
    "ensure_many",
    "scan_tree",
    "unpacked_digest",
]
