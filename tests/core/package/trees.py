"""Small trees of files for tests: paths to contents, links and executables, without a file system."""

from __future__ import annotations

from dataclasses import dataclass, field

from farm.core.fileset.manifest import Entry, File, Link, Manifest
from farm.core.names.digest import Digest


@dataclass(frozen=True)
class Tree:
    """Files by path. A `Link` is a link, anything else is the content of a file; `programs` names executables."""

    contents: dict[str, bytes | str]
    programs: frozenset[str] = field(default_factory=frozenset)

    @property
    def manifest(self) -> Manifest:
        entries: list[Entry] = []
        for path, content in self.contents.items():
            if isinstance(content, str):
                entries.append(Link(path, content))
            else:
                entries.append(File(path, len(content), Digest.of(content), executable=path in self.programs))
        return Manifest.of(
            entries, absolute_links=any(isinstance(c, str) and c[0] == "/" for c in self.contents.values())
        )

    def read(self, path: str) -> bytes:
        content = self.contents[path]
        assert isinstance(content, bytes), f"{path} is a link and was read"
        return content


def tree(contents: dict[str, bytes | str], *, programs: tuple[str, ...] = ()) -> Tree:
    """Return a tree: bytes are the content of a file, a text the target of a link."""
    return Tree(contents, frozenset(programs))
