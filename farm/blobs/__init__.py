"""The content-addressed store, and the two ways between it and trees of files: capture and unpack."""

from farm.blobs.errors import BlobMismatchError, CorruptBlobError, MissingBlobError
from farm.blobs.store import BlobStore, BlobWriter

__all__ = [
    "BlobMismatchError",
    "BlobStore",
    "BlobWriter",
    "CorruptBlobError",
    "MissingBlobError",
]
