"""Where `$ORIGIN` is: the directory of the path by which the loader opened a file; for a library that may be a link.

So a search path that stays in the package from the file's own directory can lead anywhere from the directory of a link.
"""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING

from farm.core.fileset.manifest import Link
from farm.core.package.resolve import resolve

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from farm.core.fileset.manifest import Manifest
    from farm.core.package.facts import ElfFile

_UPWARDS = re.compile(r"\$(?:ORIGIN|\{ORIGIN\})/+((?:.*/)?\.\.(?:/.*)?)")
_TOPS = ("usr", "etc")


def named_by_path(file: ElfFile) -> Iterator[str]:
    """Yield the libraries that the dynamic linker loads for a file without a search: names with a slash are paths.

    A token (`$LIB`) may expand to a path with a slash. A filter or auxiliary is loaded before the file is.
    """
    details = file.facts.details
    for name in (*file.facts.needed, *(details.filters + details.auxiliaries if details else ())):
        if "/" in name or "$" in name:
            yield name


def faults_of_origins(file: ElfFile, manifest: Manifest, links: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Yield what is wrong with RPATH, RUNPATH and library paths of a file in the root, or by a link to it.

    `links` are the declared pairs of a path in the root and one in the package. An entry that leads out of the package
    from the file's own directory is not reported again.
    """
    for entry in (*file.facts.rpath, *file.facts.runpath, *named_by_path(file)):
        upwards = _UPWARDS.fullmatch(entry)
        if upwards is None or _top(posixpath.dirname(file.path), upwards[1]) == "..":
            continue
        for path, link in _opened_at(file, manifest, links):
            top = path.partition("/")[0]
            if _top(posixpath.dirname(path), upwards[1]) != top:
                yield f"{entry} leads out of /{top}{f' from the link {link}' if link else ''}"
                break


def _top(directory: str, way: str) -> str:
    return posixpath.normpath(posixpath.join(directory, way)).partition("/")[0]


def _opened_at(file: ElfFile, manifest: Manifest, links: Sequence[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Yield the paths in the root at which a file may be opened, each with its link, empty for none.

    The kernel resolves links to a program itself.
    """
    yield _in_root(file.path), ""
    if file.facts.is_program:
        return
    for entry in manifest.entries:
        if isinstance(entry, Link) and (found := resolve(manifest, entry.path)) and found.path == file.path:
            yield _in_root(entry.path), entry.path
    for link, target in links:
        if (found := resolve(manifest, target)) and found.path == file.path:
            yield (link if link.startswith(tuple(f"{top}/" for top in _TOPS)) else f"usr/{link}"), link


def _in_root(path: str) -> str:
    return path if path.startswith("etc/") else f"usr/{path}"
