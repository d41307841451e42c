"""The members of a zip archive, by the standard library's reader."""

from __future__ import annotations

import calendar
import zipfile
import zlib
from contextlib import suppress
from functools import partial
from lzma import LZMAError
from typing import TYPE_CHECKING, BinaryIO

from farm.build.sources.archives.members import Member, UnreadableArchiveError, kind_of_mode

if TYPE_CHECKING:
    from collections.abc import Iterator

_PIECE = 1 << 20
_UNIX, _ENCRYPTED, _UTF8 = 3, 0x1, 0x800
_UNREADABLE = (zipfile.BadZipFile, NotImplementedError, zlib.error, LZMAError, OSError, EOFError, ValueError)


def zip_members(file: BinaryIO) -> list[Member]:
    """Return the members of a seekable zip archive in the order of its directory. Raises `UnreadableArchiveError`.

    Times are taken as UTC, since a zip archive does not name their zone.
    """
    try:
        archive = zipfile.ZipFile(file)
        return [_member(archive, info) for info in archive.infolist()]
    except _UNREADABLE as error:
        raise UnreadableArchiveError(f"it is not a zip archive that can be read: {error}") from error


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Member:
    if info.flag_bits & _ENCRYPTED:
        raise UnreadableArchiveError(f"{info.filename!r:.200} is encrypted")
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
        with archive.open(info) as stream:
            yield from iter(lambda: stream.read(_PIECE), b"")
    except _UNREADABLE as error:
        raise UnreadableArchiveError(f"{info.filename!r:.200} cannot be read: {error}") from error
