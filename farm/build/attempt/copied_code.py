"""Watches what a build opens of its dependencies, so that it is known whose code its packages may hold a copy of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.container.file_watch import OpenWatch
from farm.core.package.copyable import is_header, is_static_code
from farm.core.plan.consumption import Consumption, OpenedFiles

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from types import TracebackType

    from farm.core.fileset.manifest import Manifest
    from farm.core.plan.plan import PlannedDependency


@dataclass(frozen=True, slots=True)
class CopyableFiles:
    """What there is to copy of one dependency: files by their package paths, and where the package lies on the host."""

    dependency: PlannedDependency
    files: tuple[str, ...]
    place: Path


def offer_of(dependency: PlannedDependency, manifest: Manifest, place: Path) -> CopyableFiles:
    """Return what a dependency has to copy."""
    files = tuple(file.path for file in manifest.files() if is_static_code(file.path) or is_header(file.path))
    return CopyableFiles(dependency, files, place)


class CopyWatch:
    """Watches some offers from `with` until `end`; the places should be such as nothing but the build uses."""

    def __init__(self, offers: Iterable[CopyableFiles]) -> None:
        self._offers = tuple(offers)
        self._watch = OpenWatch({(offer.place / path).parent: None for offer in self._offers for path in offer.files})

    def __enter__(self) -> CopyWatch:
        self._watch.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._watch.end()

    def end(self) -> tuple[Consumption, ...]:
        """Stop watching, and return what was opened of each offer, in their order."""
        opened = self._watch.end()
        found = []
        for offer in self._offers:
            library, tree = offer.dependency.name, offer.dependency.tree
            if offer.files and not opened.is_complete:
                found.append(Consumption(library, tree, is_known=False))
                continue
            paths = [path for path in offer.files if offer.place / path in opened.files]
            static = OpenedFiles.of(filter(is_static_code, paths))
            found.append(Consumption(library, tree, static, OpenedFiles.of(filter(is_header, paths))))
        return tuple(found)
