"""The header of a 7z archive: how its streams are packed, and which members they hold.

By `7zFormat.txt` of the LZMA SDK. Everything in it is hostile: counts are checked against what is there to be read.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from farm.build.sources.archives.members import MOST_MEMBERS, UnreadableArchiveError

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST_CODERS = 8

END, HEADER, PROPERTIES, MORE_STREAMS, STREAMS, FILES = 0x00, 0x01, 0x02, 0x03, 0x04, 0x05
_PACKED, _FOLDERS, _SUBSTREAMS, _SIZE, _CRC, _FOLDER = 0x06, 0x07, 0x08, 0x09, 0x0A, 0x0B
_UNPACKED_SIZE, _SUBSTREAM_COUNT = 0x0C, 0x0D
_NO_STREAM, _NO_CONTENT, _ANTI, _NAMES, _MODIFIED, _ATTRIBUTES, _DUMMY = 0x0E, 0x0F, 0x10, 0x11, 0x14, 0x15, 0x19


@dataclass(frozen=True, slots=True)
class Coder:
    """One stage of a folder: a method by its number, and its properties."""

    method: bytes
    properties: bytes


@dataclass(slots=True)
class Folder:
    """A packed stream: its coders from the packed bytes to the content, and the files in it, one behind the other."""

    coders: list[Coder]
    size: int = 0
    crc: int | None = None
    packed_at: int = 0
    packed_size: int = 0
    files: list[tuple[int, int | None]] = field(default_factory=list)
    """The size and the CRC of each file."""


@dataclass(slots=True)
class Entry:
    """A member without its content."""

    path: str = ""
    has_stream: bool = True
    is_directory: bool = False
    modified: int = 0
    attributes: int = 0


class HeaderReader:
    """Reads the parts of a header from its bytes. Raises `UnreadableArchiveError`."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0

    def byte(self) -> int:
        """Read one byte."""
        return self.take(1)[0]

    def take(self, size: int) -> bytes:
        """Read bytes."""
        if size > len(self._content) - self._at:
            raise UnreadableArchiveError("the header of the 7z archive ends early")
        self._at += size
        return self._content[self._at - size : self._at]

    def number(self) -> int:
        """Read a number of 1 to 9 bytes: the leading ones of the first byte say how many follow."""
        first = self.byte()
        for more in range(8):
            if not first & 0x80 >> more:
                high = first & (0x7F >> more)
                return int.from_bytes(self.take(more), "little") | high << 8 * more
        return int.from_bytes(self.take(8), "little")

    def count(self) -> int:
        """Read a number of things, of which each takes room in memory."""
        count = self.number()
        if count > MOST_MEMBERS:
            raise _too_many(count)
        return count

    def parts(self) -> Iterator[int]:
        """Read the number before each part, up to the end. Each may be there once: none is worked through again."""
        seen = set[int]()
        while (part := self.byte()) != END:
            if part in seen and part != _DUMMY:
                raise UnreadableArchiveError(f"the header of the 7z archive has the part {part:#x} twice")
            seen.add(part)
            yield part

    def bits(self, count: int) -> list[bool]:
        """Read so many bits, the highest of a byte first."""
        content = self.take((count + 7) // 8)
        return [bool(content[place // 8] & 0x80 >> place % 8) for place in range(count)]

    def defined(self, count: int) -> list[bool]:
        """Read for which of so many things a value follows."""
        return [True] * count if self.byte() else self.bits(count)

    def expect(self, wanted: int) -> None:
        """Read the number that begins a part; refuses another."""
        if (found := self.byte()) != wanted:
            raise UnreadableArchiveError(f"the header of the 7z archive has {found:#x} where {wanted:#x} should be")

    def folders(self) -> list[Folder]:
        """Read the information on streams."""
        folders: list[Folder] = []
        at, packed = 0, list[int]()
        for part in self.parts():
            if part == _PACKED:
                at, packed = self._packed()
            elif part == _FOLDERS:
                folders = self._folders()
            elif part == _SUBSTREAMS:
                self._substreams(folders)
            else:
                raise UnreadableArchiveError(f"the header of the 7z archive has an unknown part {part:#x}")
        if len(packed) != len(folders):
            raise UnreadableArchiveError(
                "the 7z archive joins several packed streams into one (BCJ2), which is not read"
            )
        for folder, size in zip(folders, packed, strict=True):
            folder.packed_at, folder.packed_size = at, size
            folder.files = folder.files or [(folder.size, folder.crc)]
            at += size
        return folders

    def entries(self) -> list[Entry]:
        """Read the information on files."""
        entries = [Entry() for _ in range(self.count())]
        empty: list[Entry] = []
        for part in self.parts():
            inside = HeaderReader(self.take(self.number()))
            if part == _NO_STREAM:
                empty = [entry for entry, is_empty in zip(entries, inside.bits(len(entries)), strict=True) if is_empty]
                for entry in empty:
                    entry.has_stream, entry.is_directory = False, True
            elif part == _NO_CONTENT:
                for entry, is_file in zip(empty, inside.bits(len(empty)), strict=True):
                    entry.is_directory = not is_file
            elif part == _ANTI:
                raise UnreadableArchiveError("the 7z archive removes files, as an update does")
            elif part == _NAMES:
                inside.names(entries)
            elif part in (_MODIFIED, _ATTRIBUTES):
                inside.values(entries, part)
        return entries

    def names(self, entries: list[Entry]) -> None:
        """Read the paths, in UTF-16 with a NUL behind each."""
        self._refuse_external()
        try:
            content = self._content[self._at :].decode("utf-16-le")
        except UnicodeDecodeError as error:
            raise UnreadableArchiveError("a path in the 7z archive is not UTF-16") from error
        if content.count("\0") != len(entries) or content.rpartition("\0")[2]:
            raise UnreadableArchiveError("the 7z archive has other paths than members")
        *paths, _ = content.split("\0")
        for entry, path in zip(entries, paths, strict=True):
            entry.path = path

    def values(self, entries: list[Entry], part: int) -> None:
        """Read times or attributes."""
        with_value = self.defined(len(entries))
        self._refuse_external()
        for entry, is_there in zip(entries, with_value, strict=True):
            if is_there and part == _MODIFIED:  # in 100 ns since 1601
                (ticks,) = struct.unpack("<Q", self.take(8))
                entry.modified = max(0, ticks // 10_000_000 - 11_644_473_600)
            elif is_there:
                (entry.attributes,) = struct.unpack("<I", self.take(4))

    def _refuse_external(self) -> None:
        if self.byte():
            raise UnreadableArchiveError("the header of the 7z archive is divided, which is not read")

    def _packed(self) -> tuple[int, list[int]]:
        at, count, sizes = self.number(), self.count(), list[int]()
        for part in self.parts():
            if part == _SIZE:
                sizes = [self.number() for _ in range(count)]
            elif part == _CRC:
                self._crcs(count)
            else:
                raise UnreadableArchiveError(f"the header of the 7z archive has an unknown part {part:#x}")
        return at, sizes

    def _folders(self) -> list[Folder]:
        self.expect(_FOLDER)
        count = self.count()
        self._refuse_external()
        folders, outputs = [], []
        for _ in range(count):
            coders, output = self._coders()
            folders.append(Folder(coders))
            outputs.append(output)
        self.expect(_UNPACKED_SIZE)
        for folder, output in zip(folders, outputs, strict=True):
            folder.size = [self.number() for _ in folder.coders][output]
        for part in self.parts():
            if part != _CRC:
                raise UnreadableArchiveError(f"the header of the 7z archive has an unknown part {part:#x}")
            for folder, crc in zip(folders, self._crcs(len(folders)), strict=True):
                folder.crc = crc
        return folders

    def _coders(self) -> tuple[list[Coder], int]:
        """Read the coders of a folder in the order of decoding, and the number of the last one as it is written."""
        coders = []
        for _ in range(count := self.number()):
            flags = self.byte()
            method = self.take(flags & 0x0F)
            if flags & 0x10:
                raise UnreadableArchiveError(
                    f"the 7z archive is packed by the method {method.hex()}, which has several streams (as BCJ2)"
                )
            coders.append(Coder(method, self.take(self.number()) if flags & 0x20 else b""))
            if len(coders) > _MOST_CODERS:
                raise UnreadableArchiveError("a stream of the 7z archive has too many coders")
        if not coders:
            raise UnreadableArchiveError("a stream of the 7z archive has no coder")
        # Each pair says whose output is whose input; the last coder's output is nobody's input.
        feeds = dict((self.number(), self.number())[::-1] for _ in range(count - 1))
        return _in_order(coders, feeds)

    def _substreams(self, folders: list[Folder]) -> None:
        counts = [1] * len(folders)
        part = self.byte()
        if part == _SUBSTREAM_COUNT:
            counts = [self.count() for _ in folders]
            if (total := sum(counts)) > MOST_MEMBERS:
                raise _too_many(total)
            part = self.byte()
        sizes = [[folder.size] if count == 1 else [] for folder, count in zip(folders, counts, strict=True)]
        for folder, count, found in zip(folders, counts, sizes, strict=True):
            if count > 1:
                if part != _SIZE:
                    raise UnreadableArchiveError("the 7z archive does not say how large its members are")
                found += [self.number() for _ in range(count - 1)]
                found.append(folder.size - sum(found))
        if part == _SIZE:
            part = self.byte()
        known = [folder.crc if count == 1 else None for folder, count in zip(folders, counts, strict=True)]
        missing = sum(count for count, crc in zip(counts, known, strict=True) if crc is None)
        crcs = iter(self._crcs(missing) if part == _CRC else [None] * missing)
        for folder, found, crc in zip(folders, sizes, known, strict=True):
            folder.files = [(size, crc if crc is not None else next(crcs)) for size in found]
        while part != END:
            part = self.byte()

    def _crcs(self, count: int) -> list[int | None]:
        return [struct.unpack("<I", self.take(4))[0] if there else None for there in self.defined(count)]


def _too_many(count: int) -> UnreadableArchiveError:
    return UnreadableArchiveError(f"the 7z archive has {count} parts, and the most is {MOST_MEMBERS}")


def _in_order(coders: list[Coder], feeds: dict[int, int]) -> tuple[list[Coder], int]:
    """Return coders in the order of decoding; `feeds` maps the number of one to that of the next."""
    firsts = [number for number in range(len(coders)) if number not in feeds.values()]
    if len(firsts) != 1:
        raise UnreadableArchiveError("the coders of a stream of the 7z archive do not follow each other")
    order = firsts
    while order[-1] in feeds:
        if len(order) == len(coders) or not 0 <= feeds[order[-1]] < len(coders):
            raise UnreadableArchiveError("the coders of a stream of the 7z archive go in a circle")
        order.append(feeds[order[-1]])
    if len(order) != len(coders):
        raise UnreadableArchiveError("the coders of a stream of the 7z archive do not follow each other")
    return [coders[number] for number in order], order[-1]
