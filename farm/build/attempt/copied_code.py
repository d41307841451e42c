"""Which files of its dependencies a build opens: its packages may hold copies of their code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.core.package.copyable import is_header, is_static_code
from farm.core.plan.consumption import Consumption, OpenedFiles

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from farm.container.file_watch import Opened
    from farm.core.fileset.manifest import Manifest
    from farm.core.plan.plan import PlannedDependency


@dataclass(frozen=True, slots=True)
class CopyableFiles:
    """The files of one dependency that can be copied, by package path, and the package's directory on the host."""

    dependency: PlannedDependency
    files: tuple[str, ...]
    place: Path


def copyable_files(dependency: PlannedDependency, manifest: Manifest, place: Path) -> CopyableFiles:
    """Return the files of a dependency that can be copied: static code and headers."""
    files = tuple(file.path for file in manifest.files() if is_static_code(file.path) or is_header(file.path))
    return CopyableFiles(dependency, files, place)


def watched_directories(copyable: Iterable[CopyableFiles]) -> tuple[Path, ...]:
    """Return the directories of these files; only the build should use them while they are watched."""
    return tuple(dict.fromkeys((files.place / path).parent for files in copyable for path in files.files))


def consumptions(copyable: Iterable[CopyableFiles], opened: Opened) -> tuple[Consumption, ...]:
    """Return which of these files were opened, by dependency, in their order."""
    found = []
    for files in copyable:
        library, tree = files.dependency.name, files.dependency.tree
        if files.files and not opened.is_complete:
            found.append(Consumption(library, tree, is_known=False))
            continue
        paths = [path for path in files.files if files.place / path in opened.files]
        static = OpenedFiles.of(filter(is_static_code, paths))
        found.append(Consumption(library, tree, static, OpenedFiles.of(filter(is_header, paths))))
    return tuple(found)
