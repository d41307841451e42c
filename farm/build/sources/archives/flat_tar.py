"""Tar archives without a directory: `tar --strip-components=1` would leave nothing of them, without an error."""

from __future__ import annotations

import bz2
import gzip
import lzma
import re
import tarfile
import zlib
from typing import TYPE_CHECKING, BinaryIO, cast

import zstandard

from farm.build.sources.archives.archive_format import SNIFFED, format_of
from farm.build.sources.archives.members import UnreadableArchiveError
from farm.store.decompress import LARGEST_WINDOW

if TYPE_CHECKING:
    from collections.abc import Callable

_MOST_HEADERS = 10_000
_MOST_BYTES = 64 << 20
"""What is read of an archive, decompressed."""
_LONGEST_NAME = 64 << 10
"""The bytes of a header with a long name, or of a PAX header."""
_PIECE = 64 << 10
_BLOCK = tarfile.BLOCKSIZE
_LONG_NAME, _PAX = tarfile.GNUTYPE_LONGNAME, (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE)
_NOT_A_MEMBER = (tarfile.XGLTYPE, tarfile.GNUTYPE_LONGLINK)
_WITHOUT_CONTENT = (
    tarfile.LNKTYPE,
    tarfile.SYMTYPE,
    tarfile.CHRTYPE,
    tarfile.BLKTYPE,
    tarfile.DIRTYPE,
    tarfile.FIFOTYPE,
)
_RECORD = re.compile(rb"([0-9]{1,6}) ([^=]+)=")
_UNREADABLE = (
    tarfile.TarError,
    zstandard.ZstdError,
    lzma.LZMAError,
    zlib.error,
    EOFError,
    ValueError,
    OSError,
    MemoryError,
)


def check_not_flat(file: BinaryIO) -> None:
    """Refuse a seekable tar archive all of whose files lie at its top. Raises `UnreadableArchiveError`.

    Reads up to the first file in a directory, which usually is the first one. What is no tar archive, cannot be
    decompressed here, or has no end within the limits, is left to `tar`, which reports it.
    """
    try:
        names = _names_at_the_top(_TarHeaders(_decompressed(file)))
    except _UNREADABLE:
        return
    if names:
        some = ", ".join(f"{name!r:.200}" for name in names[:3])
        raise UnreadableArchiveError(
            f"its files lie in no directory ({some}), and the first directory of a path is left out",
            remedy="Write unpack: false, and unpack it in a step: tar -xf /sources/NAME.",
        )


def _decompressed(file: BinaryIO) -> BinaryIO:
    """Return a file to read the archive from, each piece in bounded memory."""
    found = format_of(file.read(SNIFFED))
    file.seek(0)
    if found == "zstd":
        reader = zstandard.ZstdDecompressor(max_window_size=LARGEST_WINDOW).stream_reader(file)
        return cast("BinaryIO", reader)
    openers: dict[str, Callable[[BinaryIO], object]] = {"gzip": gzip.open, "bzip2": bz2.open, "xz": lzma.open}
    return cast("BinaryIO", openers[found](file)) if found in openers else file


def _names_at_the_top(headers: _TarHeaders) -> list[str]:
    """Return the names of all files if none is in a directory, else nothing. Raises `ValueError` beyond the limits."""
    names: list[str] = []
    while (member := headers.next_member()) is not None:
        name, is_directory = member
        if "/" in name:
            return []
        names += [] if is_directory else [name]
    return names


class _TarHeaders:
    """Reads the headers of a tar archive, one after the other. The library's reader would keep all of them.

    Raises `ValueError` for what is beyond the limits, or not understood.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._left = _MOST_BYTES
        self._headers = 0

    def next_member(self) -> tuple[str, bool] | None:
        """Return the name of the next member, and whether it is a directory; None at the end of the archive."""
        name, size = "", -1
        while True:
            self._headers += 1
            if self._headers > _MOST_HEADERS:
                raise ValueError("too many headers")
            try:
                header = tarfile.TarInfo.frombuf(self._read(_BLOCK), "utf-8", "surrogateescape")
            except (tarfile.EOFHeaderError, tarfile.EmptyHeaderError):  # type: ignore[attr-defined]
                return None
            if header.size < 0 or header.type == tarfile.GNUTYPE_SPARSE:
                raise ValueError("a header that is not read")
            if header.type == _LONG_NAME:
                name = self._body(header.size).partition(b"\0")[0].decode("utf-8", "surrogateescape")
            elif header.type in _PAX:
                name, size = _name_and_size(self._body(header.size), name, size)
            elif header.type in _NOT_A_MEMBER:
                self._skip(header.size)
            else:
                if header.type not in _WITHOUT_CONTENT:
                    self._skip(size if size >= 0 else header.size)
                return (name or header.name).removesuffix("/"), header.isdir()

    def _body(self, size: int) -> bytes:
        if size > _LONGEST_NAME:
            raise ValueError("a name that is too long")
        return self._read(_padded(size))[:size]

    def _skip(self, size: int) -> None:
        left = _padded(size)
        if left > self._left:
            raise ValueError("too many bytes")
        while left > 0:
            piece = self._read(min(left, _PIECE))
            if not piece:
                raise EOFError
            left -= len(piece)

    def _read(self, size: int) -> bytes:
        """Read so many bytes, or fewer at the end."""
        content = b""
        while len(content) < size and (piece := self._stream.read(size - len(content))):
            content += piece
        self._left -= len(content)
        if self._left < 0:
            raise ValueError("too many bytes")
        return content


def _padded(size: int) -> int:
    return -(-size // _BLOCK) * _BLOCK


def _name_and_size(records: bytes, name: str, size: int) -> tuple[str, int]:
    """Return the name and the size of the member behind a PAX header, or those given. Raises `ValueError`."""
    at, sparse = 0, ""
    while at < len(records) and (found := _RECORD.match(records, at)):
        length, key = int(found[1]), found[2]
        if length <= found.end() - at:
            raise ValueError("a record without a value")
        value = records[found.end() : at + length - 1]
        at += length
        if key == b"path":
            name = value.decode("utf-8", "surrogateescape")
        elif key == b"GNU.sparse.name":
            sparse = value.decode("utf-8", "surrogateescape")
        elif key == b"size":
            size = int(value)
    return sparse or name, size
