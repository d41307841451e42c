"""The strict streaming reader of canonical archives.

It accepts exactly what `ArchiveWriter` makes: each entry is checked by the rules of FileSets, then encoded again and
compared byte for byte, before it is passed to the sink. So no two readers can see two trees in one accepted archive.
The reader does not write to a disk: the sink does.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from farm.core.fileset import archive_header, rules
from farm.core.fileset.archive import BLOCK, ArchiveWriter
from farm.core.fileset.archive_header import Header, HeaderRefusedError
from farm.core.fileset.byte_stream import ByteStream, StreamEndedError
from farm.core.fileset.manifest import Directory, Entry, File, Link, Manifest
from farm.core.fileset.refusal import Refusal
from farm.core.names.digest import Digest
from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from farm.core.fileset.archive_sink import ArchiveSink
    from farm.core.fileset.rules import ArchiveLimits

STORE_ROOT = "packages"
"""The directory of the store paths; the outer part of the prefix of a package's archive."""

_END = b"\0" * BLOCK
_NO_CONTENT = Digest.of(b"")
_PARENTS_REFUSED: dict[type[Entry] | None, Refusal] = {
    Link: Refusal.LINK_AS_PARENT,
    File: Refusal.FILE_AS_PARENT,
    None: Refusal.MISSING_PARENT,
}


class InvalidArchiveError(FarmError):
    """An archive is refused: `reason` names the rule, `entry` the path at fault, `offset` its header, in bytes."""

    code = "invalid-archive"

    def __init__(self, reason: Refusal, entry: str, offset: int) -> None:
        what = f"{entry[:300]!r}: {reason.explanation}" if entry else reason.explanation
        super().__init__(
            f"the archive is refused at byte {offset}: {what} ({reason})",
            remedy="Do not use this archive: fetch it again from another place, or tell its publisher.",
        )
        self.reason = reason
        self.entry = entry
        self.offset = offset


def read_archive(
    chunks: Iterable[bytes],
    *,
    prefix: str | None,
    limits: ArchiveLimits,
    sink: ArchiveSink,
    absolute_links: bool = False,
) -> tuple[str, Manifest]:
    """Read a whole archive into `sink`; return its prefix and the manifest of its content.

    `prefix` is the required path of the tree (`packages/jq-…`, or the empty string for a tree at the root); None takes
    the first directory as the prefix, or the second where the first is `packages`. `absolute_links` as in `Manifest`.
    No more than the limits allow is read from `chunks`. Raises `InvalidArchiveError`, and what the sink raises.
    """
    reader = _Reader(ByteStream(chunks), limits, sink, absolute_links=absolute_links)
    try:
        return reader.read(prefix)
    except StreamEndedError:
        raise reader.refused(Refusal.TRUNCATED) from None
    except HeaderRefusedError as error:
        raise reader.refused(error.reason, error.name) from None


class _Reader:
    """The state of one reading: the stream, the entries read, and the current one (for errors)."""

    def __init__(self, stream: ByteStream, limits: ArchiveLimits, sink: ArchiveSink, *, absolute_links: bool) -> None:
        self._stream = stream
        self._limits = limits
        self._sink = sink
        self._absolute_links = absolute_links
        self._entries: list[Entry] = []
        self._kinds: dict[str, type[Entry]] = {"": Directory}
        self._bytes = 0
        self._names = 0
        self._offset = 0
        self._name = ""

    def refused(self, reason: Refusal, name: str = "") -> InvalidArchiveError:
        return InvalidArchiveError(reason, name or self._name, self._offset)

    def read(self, prefix: str | None) -> tuple[str, Manifest]:
        writer = ArchiveWriter(self._read_opening(prefix))
        inside = writer.prefix + "/" if writer.prefix else ""
        while (found := self._read_header()) is not None:
            header, raw = found
            entry = self._entry(header, inside)
            self._place(entry)
            if writer.header(entry) != raw:
                raise self.refused(Refusal.NOT_CANONICAL)
            self._deliver(entry)
        # By now sorted, complete with parents and free of duplicates, which is all that `Manifest.of` would check.
        return writer.prefix, Manifest(tuple(self._entries), (), self._absolute_links)

    def _read_opening(self, prefix: str | None) -> str:
        """Read the directories of the prefix itself, and return it."""
        if prefix is None:
            path = self._read_prefix_directory("")
            return self._read_prefix_directory(f"{STORE_ROOT}/") if path == STORE_ROOT else path
        parts = prefix.split("/") if prefix else []
        for end in range(len(parts)):
            expected = "/".join(parts[: end + 1])
            if self._read_prefix_directory(expected) != expected:
                raise self.refused(Refusal.OUTSIDE_PREFIX)
        return prefix

    def _read_prefix_directory(self, start: str) -> str:
        found = self._read_header()
        if found is None:
            raise self.refused(Refusal.MISSING_PARENT, start)
        header, raw = found
        entry = self._entry(header, "")
        depth = start.count("/")
        if not isinstance(entry, Directory) or not entry.path.startswith(start) or entry.path.count("/") != depth:
            raise self.refused(Refusal.OUTSIDE_PREFIX)
        if ArchiveWriter("").header(entry) != raw:
            raise self.refused(Refusal.NOT_CANONICAL)
        return entry.path

    def _read_header(self) -> tuple[Header, bytes] | None:
        """Read one entry's header with its PAX header, and return their bytes too; None at a proper end."""
        self._offset, self._name = self._stream.offset, ""
        raw = self._stream.take(BLOCK)
        if raw == _END:
            self._read_end()
            return None
        header = archive_header.parse_header(raw)
        if header.kind == archive_header.PAX:
            if header.size > archive_header.LONGEST_PAX:
                raise self.refused(Refusal.PAX_RECORD, header.name)
            body = self._stream.take(header.size + -header.size % BLOCK)
            pax = archive_header.parse_pax(body[: header.size])
            block = self._stream.take(BLOCK)
            raw += body + block
            header = archive_header.overridden(archive_header.parse_header(block), pax)
            if header.kind == archive_header.PAX:
                raise self.refused(Refusal.PAX_RECORD, header.name)
        self._name = header.name
        return header, raw

    def _read_end(self) -> None:
        if self._stream.take(BLOCK) != _END:
            raise self.refused(Refusal.NOT_CANONICAL)
        self._offset = self._stream.offset
        if not self._stream.at_end():
            raise self.refused(Refusal.TRAILING_DATA)

    def _entry(self, header: Header, inside: str) -> Entry:
        """Check the names and sizes of one entry by itself; `inside` is the prefix with its slash."""
        full, target = self._text(header.path), self._text(header.link)
        if header.kind == archive_header.DIRECTORY:
            full = full.removesuffix("/")
        if fault := rules.path_fault(full):
            raise self.refused(fault)
        if not full.startswith(inside):
            raise self.refused(Refusal.DUPLICATE_NAME if full + "/" == inside else Refusal.OUTSIDE_PREFIX)
        path = full[len(inside) :]
        if header.kind == archive_header.DIRECTORY:
            return Directory(path)
        if header.kind == archive_header.LINK:
            if fault := rules.link_fault(path, target, absolute=self._absolute_links):
                raise self.refused(fault)
            return Link(path, target)
        if header.size > self._limits.file_bytes:
            raise self.refused(Refusal.FILE_TOO_LARGE)
        return File(path, header.size, _NO_CONTENT, executable=header.mode & 0o111 != 0)

    def _text(self, field: bytes) -> str:
        try:
            return field.decode("utf-8")
        except UnicodeDecodeError:
            raise self.refused(Refusal.NOT_UTF_8) from None

    def _place(self, entry: Entry) -> None:
        """Check one entry against those before it."""
        path, kind = entry.path, type(entry)
        if twin := self._kinds.get(path):
            raise self.refused(Refusal.DUPLICATE_NAME if twin is kind else Refusal.FILE_AND_DIRECTORY)
        above = self._kinds.get(rules.parent(path))
        if above is not Directory:
            raise self.refused(_PARENTS_REFUSED[above])
        if self._entries and path < self._entries[-1].path:
            raise self.refused(Refusal.NOT_SORTED)
        if len(self._entries) >= self._limits.entries:
            raise self.refused(Refusal.TOO_MANY_ENTRIES)
        self._names += len(path) + (len(entry.target) if isinstance(entry, Link) else 0)
        if self._names > self._limits.name_bytes:
            raise self.refused(Refusal.NAMES_TOO_LARGE)
        if isinstance(entry, File):
            self._bytes += entry.size
            if self._bytes > self._limits.total_bytes:
                raise self.refused(Refusal.TOTAL_TOO_LARGE)
        self._kinds[path] = kind

    def _deliver(self, entry: Entry) -> None:
        """Pass one checked entry to the sink, with the content of a file."""
        if isinstance(entry, File):
            digest = self._read_content(entry)
            entry = File(entry.path, entry.size, digest, entry.executable)
        elif isinstance(entry, Link):
            self._sink.link(entry.path, entry.target)
        else:
            self._sink.directory(entry.path)
        self._entries.append(entry)

    def _read_content(self, entry: File) -> Digest:
        file = self._sink.file(entry.path, entry.size, entry.executable)
        hasher = hashlib.sha256()
        for piece in self._stream.pieces(entry.size):
            hasher.update(piece)
            file.write(piece)
        padding = -entry.size % BLOCK
        if padding and self._stream.take(padding) != bytes(padding):
            raise self.refused(Refusal.NOT_CANONICAL)
        digest = Digest.from_hex(hasher.hexdigest())
        file.close()
        return digest
