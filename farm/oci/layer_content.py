"""The uncompressed tar of a layer, however a tool has stored it."""

from __future__ import annotations

import gzip
import zlib
from typing import TYPE_CHECKING, BinaryIO

from farm.oci.layer import TAR, TAR_GZIP, TAR_ZSTD
from farm.store.decompress import archive_chunks
from farm.store.errors import UndecodableArchiveError

if TYPE_CHECKING:
    from collections.abc import Iterator

_PIECE = 1 << 20


def layer_content(stream: BinaryIO, media_type: str) -> Iterator[bytes]:
    """Yield the tar of a layer in pieces of bounded size, of whatever size it is.

    Raises `UndecodableArchiveError`, also for a media type that is no layer's.
    """
    if media_type == TAR:
        yield from iter(lambda: stream.read(_PIECE), b"")
    elif media_type == TAR_ZSTD:
        yield from archive_chunks(stream)
    elif media_type in TAR_GZIP:
        try:
            with gzip.open(stream) as content:
                yield from iter(lambda: content.read(_PIECE), b"")
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise UndecodableArchiveError(str(error)) from error
    else:
        raise UndecodableArchiveError(f"it is stored as {media_type[:100]!r}")
