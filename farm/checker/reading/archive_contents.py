"""The actual contents of an archive: its manifest and the facts of its files, from its bytes.

Workers report both as well; the checker trusts neither report. No file of the archive is written under its name.
"""

from __future__ import annotations

import hashlib
import mmap
import tempfile
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from farm.core.fileset.archive_reader import read_archive
from farm.core.fileset.rules import ArchiveLimits
from farm.core.names.digest import Digest
from farm.core.package.gather import gather_facts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from farm.core.fileset.archive_sink import FileSink
    from farm.core.fileset.manifest import Manifest
    from farm.core.package.facts import PackageFacts


@dataclass(frozen=True, slots=True)
class ArchiveContents:
    """What is in an archive; `diff_id` is of all its bytes."""

    manifest: Manifest
    facts: PackageFacts
    diff_id: Digest


def read_contents(chunks: Iterable[bytes], *, prefix: str) -> ArchiveContents:
    """Read an uncompressed archive, whose tree is at `prefix`, once.

    Its files are written one after the other into an unnamed temporary file. Raises `InvalidArchiveError`,
    `InvalidElfError`, `InvalidPkgConfigError`.
    """
    hashed = hashlib.sha256()

    def passing() -> Iterator[bytes]:
        for chunk in chunks:
            hashed.update(chunk)
            yield chunk

    with tempfile.TemporaryFile() as room:
        files = _Files(room)
        _, manifest = read_archive(passing(), prefix=prefix, limits=ArchiveLimits(), sink=files)
        room.flush()
        facts = files.facts(manifest)
    return ArchiveContents(manifest, facts, Digest.from_hex(hashed.hexdigest()))


class _Files:
    """Writes the files of an archive one after the other into `room`, and records where each begins."""

    def __init__(self, room: IO[bytes]) -> None:
        self._room = room
        self._places: dict[str, tuple[int, int]] = {}
        self._end = 0

    def directory(self, path: str, /) -> None:
        """Do nothing: it is in the manifest."""

    def link(self, path: str, target: str, /) -> None:
        """Do nothing: it is in the manifest."""

    def file(self, path: str, size: int, _executable: bool, /) -> FileSink:  # noqa: FBT001 - the protocol's signature
        self._places[path] = self._end, size
        self._end += size
        return _Content(self._room)

    def facts(self, manifest: Manifest) -> PackageFacts:
        if not self._end:
            return gather_facts(manifest, lambda _: b"")
        # Not closed explicitly: after an error, parts of it may still be in use.
        content = memoryview(mmap.mmap(self._room.fileno(), self._end, access=mmap.ACCESS_READ))

        def read(path: str) -> memoryview:
            start, size = self._places[path]
            return content[start : start + size]

        return gather_facts(manifest, read)


class _Content:
    """One file of the archive."""

    def __init__(self, room: IO[bytes]) -> None:
        self._room = room

    def write(self, piece: bytes | memoryview, /) -> None:
        self._room.write(piece)

    def close(self) -> None:
        """Do nothing: the next file follows."""
