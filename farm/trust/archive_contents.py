"""What an archive really holds: its manifest, and where its programs and libraries look for others, from its bytes.

The reports of workers say both too. The signer believes neither. No file of the archive is written under its name.
"""

from __future__ import annotations

import hashlib
import mmap
import tempfile
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from farm.fileset import ArchiveLimits, NoSink, read_archive
from farm.names import Digest
from farm.package import ElfFile, InvalidElfError, may_be_elf, read_elf_paths

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from farm.fileset import FileSink, Manifest

_ELF = b"\x7fELF"


@dataclass(frozen=True, slots=True)
class ArchiveContents:
    """What is in an archive: `elf` has search paths and auditors of its ELF files, `diff_id` is of all its bytes."""

    manifest: Manifest
    elf: tuple[ElfFile, ...]
    diff_id: Digest


def read_contents(chunks: Iterable[bytes], *, prefix: str) -> ArchiveContents:
    """Read an uncompressed archive, whose tree lies at `prefix`, once.

    One ELF file at a time lies in a temporary file that has no name. Raises `InvalidArchiveError` and
    `InvalidElfError`.
    """
    hashed = hashlib.sha256()

    def passing() -> Iterator[bytes]:
        for chunk in chunks:
            hashed.update(chunk)
            yield chunk

    with tempfile.TemporaryFile() as room:
        sink = _ElfSink(room)
        _, manifest = read_archive(passing(), prefix=prefix, limits=ArchiveLimits(), sink=sink)
    return ArchiveContents(manifest, tuple(sink.found), Digest.from_hex(hashed.hexdigest()))


class _ElfSink:
    """Finds the facts of each file that begins as an ELF file does. `room` holds one of them at a time."""

    def __init__(self, room: IO[bytes]) -> None:
        self.found: list[ElfFile] = []
        self._room = room

    def directory(self, path: str, /) -> None:
        """Ignore it: it is in the manifest."""

    def link(self, path: str, target: str, /) -> None:
        """Ignore it likewise."""

    def file(self, path: str, size: int, _executable: bool, /) -> FileSink:  # noqa: FBT001 - the protocol's signature
        return _Content(path, self._room, self.found) if may_be_elf(size) else NoSink()


class _Content:
    """One file of the archive: what it begins with, then all of it if that is ELF's magic number."""

    def __init__(self, path: str, room: IO[bytes], found: list[ElfFile]) -> None:
        self._path = path
        self._room = room
        self._found = found
        self._head = b""
        self._is_elf = False

    def write(self, piece: bytes | memoryview, /) -> None:
        if self._is_elf:
            self._room.write(piece)
        elif len(self._head) < len(_ELF):
            self._head += piece
            if self._head.startswith(_ELF):
                self._is_elf = True
                self._room.seek(0)
                self._room.truncate()
                self._room.write(self._head)

    def close(self, _digest: Digest, /) -> None:
        if not self._is_elf:
            return
        self._room.flush()
        try:
            with mmap.mmap(self._room.fileno(), 0, access=mmap.ACCESS_READ) as content:
                facts = read_elf_paths(content)
        except InvalidElfError as error:
            raise InvalidElfError(error.reason, path=self._path) from None
        if facts is not None:
            self._found.append(ElfFile(self._path, facts))
