"""The paths of a package besides its ELF files at which a dynamic loader may open something: links, and what is no ELF.

A loader goes by the names of directories and files alone: what lies there in place of a library, it takes.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from farm.core.fileset.manifest import File, Link
from farm.core.package.resolve import real_path
from farm.core.sets.members.search_path import root_directory

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from farm.core.fileset.manifest import Manifest
    from farm.core.package.facts import PackageFacts

LIBRARY_NAME = re.compile(r".+\.so(\.[^/]*)?")
"""The paths of what has the name of a library."""


class OpenedPath(NamedTuple):
    """A path of the package, or where it is `declared` of the root, and the ELF file that it leads to.

    `file` is empty for what no loader takes: a text, a directory. Of these only what has the name of a library counts.
    """

    path: str
    file: str
    declared: bool = False


class DirectoryLink(NamedTuple):
    """A link at a path, as above, to the directory `target` of the package."""

    path: str
    target: str
    declared: bool = False


def opened_paths(
    manifest: Manifest, facts: PackageFacts, declared: Sequence[tuple[str, str]]
) -> tuple[tuple[OpenedPath, ...], tuple[DirectoryLink, ...]]:
    """Return both, each in the order of the manifest; `declared` are links in the root, with what they lead to."""
    libraries = {path for path, elf in facts.elf if not elf.is_program}
    elf = {path for path, _ in facts.elf}
    opened: list[OpenedPath] = []
    directories: list[DirectoryLink] = []
    for path, target, is_declared in _entries(manifest, declared):
        found = real_path(manifest, target)
        if found is None or (path == found and path in elf and not is_declared):
            continue
        directory = not isinstance(manifest.by_path.get(found), File)
        named = LIBRARY_NAME.fullmatch(path) is not None
        if found in libraries or named:
            opened.append(OpenedPath(path, found if found in elf else "", is_declared))
        if directory and (path != found or is_declared):
            directories.append(DirectoryLink(path, found, is_declared))
    return tuple(opened), tuple(directories)


def _entries(manifest: Manifest, declared: Sequence[tuple[str, str]]) -> Iterator[tuple[str, str, bool]]:
    """Give the paths that matter with what is looked at there, and whether they are declared."""
    for entry in manifest.entries:
        if isinstance(entry, Link) or ".so" in entry.path:
            yield entry.path, entry.path, False
    for link, path in declared:
        yield root_directory(link), path, True
