"""Reading the headers of a tar archive, strictly: only plain files, directories and symbolic links are accepted.

It parses just enough of ustar and PAX to report what is wrong. `farm.core.fileset.archive_reader` decides whether a
header is the canonical one, by encoding it again; nothing here needs to be that exact.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from farm.core.fileset.archive import BLOCK, OVERRIDDEN
from farm.core.fileset.refusal import Refusal

PAX = b"x"
FILE, LINK, DIRECTORY = b"0", b"2", b"5"
LONGEST_PAX = 16 * BLOCK + BLOCK
"""The most bytes of PAX records of one entry: a path and a link target of 4096 bytes each, and their keys."""

_REFUSED_TYPES = {
    b"1": Refusal.HARD_LINK,
    b"3": Refusal.DEVICE,
    b"4": Refusal.DEVICE,
    b"6": Refusal.FIFO,
    b"g": Refusal.PAX_RECORD,
}
_OCTAL = re.compile(rb"[0-7]{7,11}\0")
_XATTR_KEYS = (b"SCHILY.xattr.", b"LIBARCHIVE.xattr.", b"SCHILY.acl.", b"RHT.security.")


class HeaderRefusedError(Exception):
    """A header breaks a rule; the reader turns it into an `InvalidArchiveError` that knows the offset."""

    def __init__(self, reason: Refusal, name: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.name = name


@dataclass(frozen=True, slots=True)
class Header:
    """The fields of one ustar header that distinguish entries, not yet checked; `size` in bytes."""

    path: bytes
    kind: bytes
    mode: int
    size: int
    link: bytes

    @property
    def name(self) -> str:
        """The path for people, whatever its bytes are."""
        path = self.path.removesuffix(b"/") if self.kind == DIRECTORY else self.path
        return path.decode("utf-8", "backslashreplace")


def parse_header(block: bytes) -> Header:
    """Parse one block; raises `HeaderRefusedError` for a wrong checksum, a refused type or special mode bits."""
    # Zero bytes add nothing to the sum, and most of a header is zero.
    checksum = sum((block[:148] + b" " * 8 + block[156:]).translate(None, b"\0"))
    if block[148:156].rstrip(b"\0 ") != b"%06o" % checksum:
        raise HeaderRefusedError(Refusal.CHECKSUM)
    name, prefix = _text(block[:100]), _text(block[345:500])
    path = prefix + b"/" + name if prefix else name
    kind = block[156:157]
    if kind not in (FILE, LINK, DIRECTORY, PAX):
        raise _refused(_REFUSED_TYPES.get(kind, Refusal.ENTRY_TYPE), path)
    mode, size = block[100:108], block[124:136]
    if not _OCTAL.fullmatch(mode) or not _OCTAL.fullmatch(size):
        raise _refused(Refusal.NOT_CANONICAL, path)
    header = Header(path, kind, int(mode[:7], 8), int(size[:11], 8), _text(block[157:257]))
    if header.mode & 0o7000:
        raise _refused(Refusal.SETUID, path)
    return header


def parse_pax(records: bytes) -> dict[bytes, bytes]:
    """Read the records of a PAX header: `path` and `linkpath`, at most one of each; any other record is refused.

    Raises `HeaderRefusedError`.
    """
    values: dict[bytes, bytes] = {}
    while records:
        digits, space, _ = records.partition(b" ")
        if not space or not re.fullmatch(rb"[1-9][0-9]{0,4}", digits):
            raise HeaderRefusedError(Refusal.PAX_RECORD)
        length = int(digits)
        key, equals, value = records[len(digits) + 1 : length - 1].partition(b"=")
        if len(records) < length or records[length - 1 : length] != b"\n" or not equals:
            raise HeaderRefusedError(Refusal.PAX_RECORD)
        if key.startswith(_XATTR_KEYS):
            raise HeaderRefusedError(Refusal.EXTENDED_ATTRIBUTE)
        if key not in (b"path", b"linkpath") or key in values:
            raise HeaderRefusedError(Refusal.PAX_RECORD)
        values[key] = value
        records = records[length:]
    return values


def overridden(header: Header, pax: dict[bytes, bytes]) -> Header:
    """Return the header with the values of its PAX records; raises `HeaderRefusedError` for two names."""
    path, link = pax.get(b"path", header.path), pax.get(b"linkpath", header.link)
    if (path is not header.path and header.path != OVERRIDDEN) or (
        link is not header.link and header.link != OVERRIDDEN
    ):
        raise _refused(Refusal.TWO_NAMES, path)
    return Header(path, header.kind, header.mode, header.size, link)


def _text(field: bytes) -> bytes:
    return field.partition(b"\0")[0]


def _refused(reason: Refusal, path: bytes) -> HeaderRefusedError:
    return HeaderRefusedError(reason, path.decode("utf-8", "backslashreplace"))
