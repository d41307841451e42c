"""Generated trees: strategies for hypothesis, and a sink that records what it receives."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from farm.core.fileset.archive import ArchiveWriter
from farm.core.fileset.manifest import Directory, Entry, File, Link, Manifest
from farm.core.names.digest import Digest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@dataclass(frozen=True)
class Tree:
    """Entries in no particular order, and the content of every file among them."""

    entries: tuple[Entry, ...]
    contents: dict[str, bytes]

    @property
    def manifest(self) -> Manifest:
        return Manifest.of(self.entries)

    def archive(self, prefix: str) -> bytes:
        return b"".join(ArchiveWriter(prefix).archive(self.manifest, lambda file: [self.contents[file.path]]))


@dataclass
class Remembering:
    """A sink that keeps everything, and fails where the reader violates the protocol."""

    entries: list[Entry] = field(default_factory=list)
    contents: dict[str, bytes] = field(default_factory=dict)

    def directory(self, path: str) -> None:
        self.entries.append(Directory(path))

    def link(self, path: str, target: str) -> None:
        self.entries.append(Link(path, target))

    def file(self, path: str, size: int, executable: bool) -> RememberingFile:
        return RememberingFile(self, path, size, executable)

    @property
    def tree(self) -> Tree:
        return Tree(tuple(self.entries), self.contents)


@dataclass
class RememberingFile:
    sink: Remembering
    path: str
    size: int
    executable: bool
    content: bytes = b""

    def write(self, piece: bytes | memoryview) -> None:
        self.content += bytes(piece)

    def close(self) -> None:
        assert len(self.content) == self.size
        self.sink.contents[self.path] = self.content
        self.sink.entries.append(File(self.path, self.size, Digest.of(self.content), self.executable))


# "-" and "." sort before "/", where text order and component order differ; é, 𝄞 and long names need PAX.
NAMES = st.text("ab-.é𝄞 ~", min_size=1, max_size=4).filter(lambda name: name not in {".", ".."}) | st.sampled_from(
    ["a" * 99, "a" * 100, "b" * 101, "c" * 155, "d" * 255]
)
_FILES = st.tuples(st.binary(max_size=1100), st.booleans())
_LINKS = st.tuples(st.integers(0, 3), st.lists(NAMES, min_size=1, max_size=3))


def _walk(node: Mapping[str, object], above: tuple[str, ...]) -> Iterator[tuple[Entry, bytes]]:
    for name, inner in node.items():
        path = "/".join((*above, name))
        match inner:
            case dict():
                yield Directory(path), b""
                yield from _walk(inner, (*above, name))
            case (bytes() as content, bool() as executable):
                yield File(path, len(content), Digest.of(content), executable), content
            case (int() as ups, list() as names):
                yield Link(path, "/".join([".."] * min(ups, len(above)) + names)), b""


def _tree(node: Mapping[str, object]) -> Tree:
    walked = list(_walk(node, ()))
    return Tree(
        tuple(entry for entry, _ in walked),
        {entry.path: content for entry, content in walked if isinstance(entry, File)},
    )


TREES: st.SearchStrategy[Tree] = st.dictionaries(
    NAMES,
    st.recursive(_FILES | _LINKS, lambda inner: st.dictionaries(NAMES, inner, max_size=4), max_leaves=8),
    max_size=5,
).map(_tree)


class NoSink:
    """A sink that stores nothing: for reading an archive only to check it."""

    def directory(self, path: str, /) -> None:
        """Do nothing."""

    def link(self, path: str, target: str, /) -> None:
        """Do nothing."""

    def file(self, _path: str, _size: int, _executable: bool, /) -> NoSink:
        """Ignore the file and its content."""
        return self

    def write(self, piece: bytes | memoryview, /) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""
