"""Formats of archives by their first bytes, and whether a source is what its name says."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from farm.build.sources.archives.members import UnreadableArchiveError
from farm.core.recipe.archive_names import TAR_SUFFIXES

if TYPE_CHECKING:
    from farm.core.plan.plan import PlannedSource
    from farm.core.recipe.recipe import Source

SNIFFED = 512
_COMPRESSED_TAR = ("tar", "gzip", "bzip2", "xz", "zstd", "lzip")
_MAGIC = (
    (b"PK\3\4", "zip"),
    (b"PK\5\6", "zip"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\0", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"LZIP", "lzip"),
    (b"Rar!\x1a\7", "rar"),
    (b"070701", "cpio"),
    (b"070707", "cpio"),
    (b"MSCF", "cab"),
    (b"!<arch>\n", "ar"),
    (b"\xed\xab\xee\xdb", "rpm"),
    (b"%PDF-", "PDF"),
)
_PAGE = re.compile(rb"\s*<(?:!doctype\s+html|html|head)\b", re.IGNORECASE)
_ARCHIVES = (*_COMPRESSED_TAR, "zip", "7z", "rar", "cpio", "cab")
_HAS_EXTENSION = re.compile(r"\.[A-Za-z][A-Za-z0-9_+-]*$")


def format_of(start: bytes) -> str:
    """Return the format of a file by its first `SNIFFED` bytes: `zip`, `web page`, …; empty if it is none of these."""
    if start[257:262] == b"ustar":
        return "tar"
    return next((name for magic, name in _MAGIC if start.startswith(magic)), "web page" if _PAGE.match(start) else "")


def check_format(source: PlannedSource | Source, start: bytes) -> None:
    """Refuse a source that is to be unpacked and has another format than its name, and one that nobody would unpack.

    The latter is an archive by its content with a name that says nothing (`download`, `v1.2.3`): the recipe would build
    from an empty directory. Raises `UnreadableArchiveError`.
    """
    found = format_of(start)
    if source.unpack and not source.patch and found:
        if source.file.endswith(TAR_SUFFIXES):
            is_as_named = found in _COMPRESSED_TAR
        else:
            is_as_named = source.file.endswith(f".{found}")
        if not is_as_named:
            raise UnreadableArchiveError(
                f"its format is {found}, which is not what its name says",
                remedy="See what its address serves. If it is right, give it the name of its format with the key file; "
                "`unpack: false` leaves it to the steps.",
            )
    elif not source.unpack and found in _ARCHIVES and not _HAS_EXTENSION.search(source.file):
        raise UnreadableArchiveError(
            f"it is an archive ({found}), but its name does not say so, and it would not be unpacked",
            remedy=f"Name it with the key file, as `file: {source.file}.zip` or `.tar.gz`.",
        )
