"""Watches which files of its dependencies a build opens: its packages may hold copies of their code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.container.file_watch import OpenWatch
from farm.core.package.copyable import is_header, is_static_code
from farm.core.plan.consumption import Consumption, OpenedFiles

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from farm.core.fileset.manifest import Manifest
    from farm.core.plan.plan import PlannedDependency


@dataclass(frozen=True, slots=True)
class CopyableFiles:
    """The files of one dependency that can be copied, by package path, and where the package lies on the host."""

    dependency: PlannedDependency
    files: tuple[str, ...]
    place: Path


def copyable_files(dependency: PlannedDependency, manifest: Manifest, place: Path) -> CopyableFiles:
    """Return the files of a dependency that can be copied: static code and headers."""
    files = tuple(file.path for file in manifest.files() if is_static_code(file.path) or is_header(file.path))
    return CopyableFiles(dependency, files, place)


class CopyWatch:
    """Watches files from `with` until `end`; only the build should use the places where they lie."""

    def __init__(self, copyable: Iterable[CopyableFiles]) -> None:
        self._copyable = tuple(copyable)
        self._watch = OpenWatch({(files.place / path).parent: None for files in self._copyable for path in files.files})

    def __enter__(self) -> CopyWatch:
        self._watch.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._watch.end()

    def end(self) -> tuple[Consumption, ...]:
        """Stop watching, and return what was opened of each dependency, in their order."""
        opened = self._watch.end()
        found = []
        for files in self._copyable:
            library, tree = files.dependency.name, files.dependency.tree
            if files.files and not opened.is_complete:
                found.append(Consumption(library, tree, is_known=False))
                continue
            paths = [path for path in files.files if files.place / path in opened.files]
            static = OpenedFiles.of(filter(is_static_code, paths))
            found.append(Consumption(library, tree, static, OpenedFiles.of(filter(is_header, paths))))
        return tuple(found)
