"""The members of a 7z archive, decoded by the standard library's `lzma`, `bz2` and `zlib`."""

from __future__ import annotations

import bz2
import lzma
import struct
import zlib
from functools import partial
from typing import TYPE_CHECKING, BinaryIO, Protocol

from farm.build.sources.archives.members import Member, UnreadableArchiveError, checked_content, kind_of_mode
from farm.build.sources.archives.seven_zip_header import END, FILES, HEADER, PROPERTIES, STREAMS, HeaderReader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from farm.build.sources.archives.seven_zip_header import Coder, Entry, Folder

_SIGNATURE = b"7z\xbc\xaf\x27\x1c"
_ENCODED = 0x17
_NAME = "the 7z archive"
_PIECE = 1 << 18
_LARGEST_HEADER = 32 << 20
_LARGEST_DICTIONARY = 256 << 20
_UNIX_MODE, _DIRECTORY = 0x8000, 0x10
_COPY, _LZMA, _LZMA2, _DEFLATE, _BZIP2 = b"\0", b"\3\1\1", b"\x21", b"\4\1\x08", b"\4\2\2"
_FILTERS = {
    b"\3": lzma.FILTER_DELTA,
    b"\3\3\1\3": lzma.FILTER_X86,
    b"\3\3\2\5": lzma.FILTER_POWERPC,
    b"\3\3\4\1": lzma.FILTER_IA64,
    b"\3\3\5\1": lzma.FILTER_ARM,
    b"\3\3\7\1": lzma.FILTER_ARMTHUMB,
    b"\3\3\x08\5": lzma.FILTER_SPARC,
}
_METHODS = {
    _LZMA: "LZMA behind another compression",
    _LZMA2: "LZMA2 behind another compression",
    _DEFLATE: "Deflate behind another compression",
    _BZIP2: "BZip2 behind another compression",
    b"\3\4\1": "PPMd",
    b"\6\xf1\7\1": "AES (it is encrypted)",
    b"\3\3\1\x1b": "BCJ2",
    b"\4\xf7\x11\1": "Zstandard",
}
_UNREADABLE = (lzma.LZMAError, zlib.error, OSError, OverflowError, EOFError, ValueError, struct.error)


class _Decoder(Protocol):
    """Decodes a stream, as the decompressors of the standard library do."""

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """Decode a piece; what is beyond `max_length` comes with later calls."""


def seven_zip_members(file: BinaryIO) -> list[Member]:
    """Return the members of a seekable 7z archive in its order. Raises `UnreadableArchiveError`."""
    try:
        folders, entries = _read_header(file)
        return list(_members(file, folders, entries))
    except _UNREADABLE as error:
        raise UnreadableArchiveError(f"the 7z archive is damaged: {error}") from error


def _members(file: BinaryIO, folders: list[Folder], entries: list[Entry]) -> Iterator[Member]:
    contents = (content for folder in folders for content in _Contents(file, folder).of_files())
    for entry in entries:
        size, pieces = next(contents, (-1, _nothing)) if entry.has_stream else (0, _nothing)
        if size < 0:
            raise UnreadableArchiveError("the 7z archive has more members than streams")
        # p7zip puts a Unix mode into the upper half of the attributes of Windows.
        mode = entry.attributes >> 16 if entry.attributes & _UNIX_MODE else 0
        is_directory = entry.is_directory or bool(entry.attributes & _DIRECTORY)
        kind = "directory" if is_directory else kind_of_mode(entry.path, mode)
        yield Member(entry.path, kind, size, entry.modified, pieces, bool(mode & 0o111))


def _nothing() -> Iterator[bytes]:
    return iter(())


def _read_header(file: BinaryIO) -> tuple[list[Folder], list[Entry]]:
    start = file.read(32)
    if len(start) < 32 or not start.startswith(_SIGNATURE):
        raise UnreadableArchiveError("it is not a 7z archive")
    start_crc, offset, size, crc = struct.unpack("<IQQI", start[8:])
    if zlib.crc32(start[12:]) != start_crc:
        raise UnreadableArchiveError("the start of the 7z archive is damaged")
    if not size:
        return [], []
    content = _header_bytes(file, offset, size, crc)
    for _ in range(4):
        reader = HeaderReader(content)
        if (kind := reader.byte()) == HEADER:
            return _read_parts(reader)
        if kind != _ENCODED:
            break
        folders = reader.folders()
        if not folders or folders[0].size > _LARGEST_HEADER:
            break
        content = b"".join(checked_content(_decoded(file, folders[0]), folders[0].size, folders[0].crc, _NAME))
    raise UnreadableArchiveError("the header of the 7z archive cannot be read")


def _header_bytes(file: BinaryIO, offset: int, size: int, crc: int) -> bytes:
    if size > _LARGEST_HEADER:
        raise UnreadableArchiveError(f"the header of the 7z archive has {size} bytes")
    file.seek(32 + offset)
    content = file.read(size)
    if len(content) != size or zlib.crc32(content) != crc:
        raise UnreadableArchiveError("the 7z archive is cut off, or its header is damaged")
    return content


def _read_parts(reader: HeaderReader) -> tuple[list[Folder], list[Entry]]:
    folders: list[Folder] = []
    entries: list[Entry] = []
    for part in reader.parts():
        if part == PROPERTIES:
            while reader.byte() != END:
                reader.take(reader.number())
        elif part == STREAMS:
            folders = reader.folders()
        elif part == FILES:
            entries = reader.entries()
        else:
            raise UnreadableArchiveError(f"the header of the 7z archive has an unknown part {part:#x}")
    return folders, entries


class _Contents:
    """The contents of the files of one folder, which are packed as one stream: it is decoded as far as it is read."""

    def __init__(self, file: BinaryIO, folder: Folder) -> None:
        self._folder = folder
        self._stream = _decoded(file, folder)
        self._rest = b""
        self._at = 0

    def of_files(self) -> Iterator[tuple[int, Callable[[], Iterator[bytes]]]]:
        """Yield the size of each file, and what returns its content."""
        start = 0
        for size, crc in self._folder.files:
            yield size, partial(self._content, start, size, crc)
            start += size

    def _content(self, start: int, size: int, crc: int | None) -> Iterator[bytes]:
        try:
            for _ in self._pieces(start - self._at):  # those of files that were left out
                pass
            yield from checked_content(self._pieces(size), size, crc, _NAME)
        except _UNREADABLE as error:
            raise UnreadableArchiveError(f"the 7z archive is damaged: {error}") from error

    def _pieces(self, size: int) -> Iterator[bytes]:
        while size > 0:
            piece = self._rest or next(self._stream, b"")
            if not piece:
                return  # too short, as the caller notices
            taken, self._rest = piece[:size], piece[size:]
            self._at += len(taken)
            size -= len(taken)
            if self._at >= self._folder.size:
                self._stream = iter(())  # a decoder takes up to 256 MiB, and there may be many folders
            yield taken


def _decoded(file: BinaryIO, folder: Folder) -> Iterator[bytes]:
    """Yield the content of a folder, and no more than the header says."""
    left, at, missing = folder.size, 32 + folder.packed_at, folder.packed_size
    decoder = _decoder(folder.coders)
    while left > 0 and missing >= 0:
        file.seek(at)
        packed = file.read(min(_PIECE, missing))
        at, missing = at + len(packed), missing - len(packed)
        got = False
        for piece in _unpacked(decoder, packed):
            got = True
            yield piece[:left]
            left -= len(piece)
            if left <= 0:
                return
        if not packed and not got:
            return


def _unpacked(decoder: _Decoder, data: bytes) -> Iterator[bytes]:
    """Yield what a decoder makes of a piece."""
    while True:
        piece = decoder.decompress(data, _PIECE)
        if piece:
            yield piece
        if len(piece) < _PIECE:
            return
        data = b""


class _Copy:
    """The content as it is."""

    def __init__(self) -> None:
        self._rest = b""

    def decompress(self, data: bytes, max_length: int) -> bytes:
        data = self._rest + data
        self._rest = data[max_length:]
        return data[:max_length]


class _Inflate:
    """Deflate, as the other decoders: what is beyond the limit is kept for the next call."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(-zlib.MAX_WBITS)

    def decompress(self, data: bytes, max_length: int) -> bytes:
        if self._inner.eof:
            return b""  # the library would collect what follows
        return self._inner.decompress(self._inner.unconsumed_tail + data, max_length)


class _Open:
    """A decoder of the standard library, that ignores what follows the end of its stream."""

    def __init__(self, inner: lzma.LZMADecompressor | bz2.BZ2Decompressor) -> None:
        self._inner = inner

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return b"" if self._inner.eof else self._inner.decompress(data, max_length)


def _decoder(coders: Iterable[Coder]) -> _Decoder:
    """Return the decoder of a folder: one compression, and what filters its content, which LZMA undoes together.

    A second compression has no use, and would multiply what the first one makes of a few bytes.
    """
    packed: Coder | None = None
    filters: list[dict[str, int]] = []
    for coder in coders:
        if coder.method in _FILTERS and packed and packed.method in (_LZMA, _LZMA2):
            filters.insert(0, _filter(coder))
        elif coder.method in (_LZMA, _LZMA2, _DEFLATE, _BZIP2) and packed is None:
            packed = coder
        elif coder.method != _COPY:
            name = _METHODS.get(coder.method, coder.method.hex())
            raise UnreadableArchiveError(f"the 7z archive is packed by {name}, which is not read")
    if packed is None:
        return _Copy()
    if packed.method == _DEFLATE:
        return _Inflate()
    if packed.method == _BZIP2:
        return _Open(bz2.BZ2Decompressor())
    return _Open(lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[*filters, _compression(packed)]))


def _filter(coder: Coder) -> dict[str, int]:
    known = {"id": _FILTERS[coder.method]}
    return known | ({"dist": coder.properties[0] + 1} if coder.properties and coder.method == b"\3" else {})


def _compression(coder: Coder) -> dict[str, int]:
    if coder.method == _LZMA2 and len(coder.properties) == 1 and coder.properties[0] <= 40:
        bits = coder.properties[0]
        size = (2 | bits & 1) << (bits // 2 + 11)
        return {"id": lzma.FILTER_LZMA2, "dict_size": _dictionary(size)}
    if coder.method == _LZMA and len(coder.properties) == 5:
        packed, size = struct.unpack("<BI", coder.properties)
        rest, lc = divmod(packed, 9)
        pb, lp = divmod(rest, 5)
        return {"id": lzma.FILTER_LZMA1, "dict_size": _dictionary(size), "lc": lc, "lp": lp, "pb": pb}
    raise UnreadableArchiveError("a coder of the 7z archive has properties that are not those of LZMA")


def _dictionary(size: int) -> int:
    if size > _LARGEST_DICTIONARY:
        raise UnreadableArchiveError(f"the 7z archive needs {size >> 20} MiB of memory to be unpacked")
    return max(size, 4096)
