"""The canonical archive of a FileSet: one tar, uncompressed, of which every byte is determined.

USTAR headers, a PAX header only where a name or a link target does not fit one or is not ASCII; owner 0, no owner
names, one time for all; sorted by path; two zero blocks at the end and nothing after them. The caller streams the bytes
of the files: this module makes everything around them, and does no input or output.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.core.fileset.manifest import Directory, Entry, File, Link, Manifest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

BLOCK = 512
MTIME = 315532800
"""1980-01-01T00:00:00Z: the earliest time that zip files can hold, and so Python wheels made from a tree."""

_NAME_BYTES, _PREFIX_BYTES, _LINK_BYTES = 100, 155, 100
_TYPE = {File: b"0", Link: b"2", Directory: b"5"}
_PAX_TYPE = b"x"
_PAX_NAME = b"PaxHeaders/entry"
OVERRIDDEN = b"PaxHeaders/overridden"
"""The content of a header field whose value is in the PAX header before it."""
_OWNER = b"0000000\0" * 2
_MTIME_FIELD = b"%011o\0" % MTIME
_AFTER_LINK = b"ustar\x0000" + b"\0" * 64 + b"0000000\0" * 2  # magic, version, owner names, device numbers
# The checksum counts its own field as eight spaces; the constant part is summed once.
_FIXED_SUM = sum(_OWNER + _MTIME_FIELD + b" " * 8 + _AFTER_LINK)


@dataclass(frozen=True, slots=True)
class ArchiveWriter:
    """Makes the headers of the canonical archive of a tree at `prefix`, a path such as `packages/jq-…`.

    In order: `opening()`, then for each entry of the manifest `header(entry)` and, for a file, its content and
    `padding(size)`, then `trailer()`. The prefix may be empty: the tree is then at the root.
    """

    prefix: str

    def opening(self) -> bytes:
        """Return the headers of the prefix's own directories, outermost first; nothing for an empty prefix."""
        parts = self.prefix.split("/") if self.prefix else []
        return b"".join(
            _headers("/".join(parts[: end + 1]) + "/", Directory, 0, b"0000755\0") for end in range(len(parts))
        )

    def header(self, entry: Entry) -> bytes:
        """Return the bytes before the entry's content: one block, or three and more where PAX is needed."""
        name = f"{self.prefix}/{entry.path}" if self.prefix else entry.path
        if isinstance(entry, File):
            return _headers(name, File, entry.size, b"0000755\0" if entry.executable else b"0000644\0")
        if isinstance(entry, Link):
            return _headers(name, Link, 0, b"0000777\0", entry.target)
        return _headers(name + "/", Directory, 0, b"0000755\0")

    @staticmethod
    def padding(size: int) -> bytes:
        """Return the zero bytes that fill the last block of a content of `size` bytes."""
        return b"\0" * (-size % BLOCK)

    @staticmethod
    def trailer() -> bytes:
        """Return the end of the archive."""
        return b"\0" * (2 * BLOCK)

    def size(self, manifest: Manifest) -> int:
        """Return the size of a tree's archive in bytes."""
        around = sum(len(self.header(entry)) for entry in manifest.entries)
        held = sum(file.size + len(self.padding(file.size)) for file in manifest.files())
        return len(self.opening()) + around + held + len(self.trailer())

    def archive(self, manifest: Manifest, content: Callable[[File], Iterable[bytes]]) -> Iterator[bytes]:
        """Yield the whole archive in pieces, taking the content of each file (`size` bytes of it) from the caller.

        Raises `ValueError` where a content does not have the length in the manifest: the archive is then unusable.
        """
        yield self.opening()
        for entry in manifest.entries:
            yield self.header(entry)
            if isinstance(entry, File):
                left = entry.size
                for piece in content(entry):
                    left -= len(piece)
                    yield piece
                if left:
                    raise ValueError(f"{entry.path} is {entry.size - left} bytes long, not {entry.size}")
                yield self.padding(entry.size)
        yield self.trailer()


def _headers(name: str, kind: type[Entry], size: int, mode: bytes, target: str = "") -> bytes:
    fields = _split(name) if name.isascii() else None
    link = target.encode("ascii") if target.isascii() and len(target) <= _LINK_BYTES else None
    if fields is not None and link is not None:
        return _block(fields, mode, size, _TYPE[kind], link)
    records = (b"" if link is not None else _pax_record(b"linkpath", target)) + (
        b"" if fields is not None else _pax_record(b"path", name)
    )
    # A field that PAX overrides holds a marker: a reader might take a truncated name for the real one.
    return b"".join(
        (
            _block((_PAX_NAME, b""), b"0000644\0", len(records), _PAX_TYPE, b""),
            records,
            ArchiveWriter.padding(len(records)),
            _block(fields or (OVERRIDDEN, b""), mode, size, _TYPE[kind], OVERRIDDEN if link is None else link),
        )
    )


def _split(name: str) -> tuple[bytes, bytes] | None:
    """Divide an ASCII path into the name and prefix fields of USTAR, at the first suitable slash."""
    encoded = name.encode("ascii")
    if len(encoded) <= _NAME_BYTES:
        return encoded, b""
    cut = encoded.find(b"/", len(encoded) - _NAME_BYTES - 1)
    if 0 < cut <= _PREFIX_BYTES and cut < len(encoded) - 1:
        return encoded[cut + 1 :], encoded[:cut]
    return None


def _block(path: tuple[bytes, bytes], mode: bytes, size: int, kind: bytes, link: bytes) -> bytes:
    """Return one header (POSIX.1-1988, ustar): `path` is the name and the prefix field."""
    name, prefix = path
    length = b"%011o\0" % size
    checksum = _FIXED_SUM + sum(b"".join((name, mode, length, kind, link, prefix)))
    return b"".join(
        (
            name.ljust(_NAME_BYTES, b"\0"), mode, _OWNER, length, _MTIME_FIELD, b"%06o\0 " % checksum, kind,
            link.ljust(_LINK_BYTES, b"\0"), _AFTER_LINK, prefix.ljust(_PREFIX_BYTES + 12, b"\0"),
        )
    )  # fmt: skip


def _pax_record(key: bytes, value: str) -> bytes:
    """Return `<length> key=value\\n`, where the length counts its own digits (POSIX.1-2001, pax, extended header)."""
    rest = b" %s=%s\n" % (key, value.encode("utf-8"))
    length = len(rest) + len(str(len(rest)))
    length = len(rest) + len(str(length))
    return b"%d%s" % (length, rest)
