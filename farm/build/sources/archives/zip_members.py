"""The members of a zip archive, by the standard library's reader."""

from __future__ import annotations

import bz2
import calendar
import copy
import struct
import zipfile
import zlib
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, BinaryIO, cast

from farm.build.sources.archives.members import (
    MOST_MEMBERS,
    Member,
    UnreadableArchiveError,
    checked_content,
    kind_of_mode,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_PIECE = 1 << 20
_UNIX, _ENCRYPTED, _UTF8 = 3, 0x1, 0x800
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2}
_LARGEST_DIRECTORY = 64 << 20
_UNREADABLE = (
    zipfile.BadZipFile,
    NotImplementedError,
    zlib.error,
    struct.error,
    OSError,
    OverflowError,
    EOFError,
    ValueError,
)


def zip_members(file: BinaryIO) -> list[Member]:
    """Return the members of a seekable zip archive in the order of its directory. Raises `UnreadableArchiveError`.

    Times are taken as UTC, since a zip archive does not name their zone.
    """
    try:
        archive = zipfile.ZipFile(cast("BinaryIO", _Bounded(file)))
        return [_member(archive, info) for info in archive.infolist()]
    except _UNREADABLE as error:
        raise UnreadableArchiveError(f"it is not a zip archive that can be read: {error}") from error


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Member:
    if info.flag_bits & _ENCRYPTED:
        raise UnreadableArchiveError(f"{info.filename!r:.200} is encrypted")
    if info.compress_type not in _METHODS:
        raise UnreadableArchiveError(
            f"{info.filename!r:.200} is packed by the method {info.compress_type}, which is not read"
        )
    mode = info.external_attr >> 16 if info.create_system == _UNIX else 0
    path = _path(info)
    kind = "directory" if path.endswith("/") else kind_of_mode(path, mode)
    modified = calendar.timegm((*info.date_time, 0, 0, 0)) if info.date_time[1] and info.date_time[2] else 0
    return Member(path, kind, info.file_size, modified, partial(_pieces, archive, info), bool(mode & 0o111))


def _path(info: zipfile.ZipInfo) -> str:
    if info.create_system != _UNIX:
        # Some programs for Windows write its separator, against the specification (APPNOTE 4.4.17).
        return info.filename.replace("\\", "/")
    if info.flag_bits & _UTF8:
        return info.filename
    # Programs of Unix write the bytes of the path, which the reader has taken for those of a PC of 1981.
    with suppress(UnicodeEncodeError):
        return info.filename.encode("cp437").decode("utf-8", "surrogateescape")
    return info.filename


def _pieces(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[bytes]:
    try:
        if info.compress_type == zipfile.ZIP_BZIP2:
            yield from checked_content(_bunzipped(archive, info), info.file_size, info.CRC, f"{info.filename!r:.200}")
        else:
            with archive.open(info) as stream:
                yield from iter(lambda: stream.read(_PIECE), b"")
    except _UNREADABLE as error:
        raise UnreadableArchiveError(f"{info.filename!r:.200} cannot be read: {error}") from error


def _bunzipped(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[bytes]:
    """Yield the content of a member in pieces: the library's reader would make gigabytes of 1 MiB of bzip2 at once."""
    packed = copy.copy(info)
    packed.compress_type, packed.file_size = zipfile.ZIP_STORED, info.compress_size
    del packed.CRC  # which is that of the content; the reader then checks none
    decoder = bz2.BZ2Decompressor()
    with archive.open(packed) as stream:
        while not decoder.eof:
            data = stream.read(_PIECE) if decoder.needs_input else b""
            if not data and decoder.needs_input:
                return  # too short, as the caller notices
            if piece := decoder.decompress(data, _PIECE):
                yield piece


class _Bounded:
    """An archive whose directory is not too large for the library, which makes an object of every entry at once."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1) -> bytes:
        if size < 0 or size > _LARGEST_DIRECTORY:
            raise UnreadableArchiveError(
                f"the directory of the zip archive has more than {_LARGEST_DIRECTORY >> 20} MiB"
            )
        content = self._file.read(size)
        if content.count(b"PK\1\2") > MOST_MEMBERS:
            raise UnreadableArchiveError(f"it has more than {MOST_MEMBERS:,} members")
        return content
