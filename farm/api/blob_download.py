"""Takes a blob that a farm sends into a store."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx

    from farm.core.names.digest import Digest
    from farm.store.blobs import BlobStore

_PIECE = 1 << 20


def receive_blob(response: httpx.Response, digest: Digest, store: BlobStore, *, size: int | None = None) -> None:
    """Take the blob `digest` from an answer whose body was not read yet, verified. Raises `BlobMismatchError`.

    `size` is the most bytes that it may have; without it, there is no limit.
    """
    with store.writer() as writer:
        for piece in response.iter_bytes(_PIECE):
            writer.write(piece)
            if size is not None and writer.size > size:
                break  # commit refuses an incomplete blob
        writer.commit(digest)
