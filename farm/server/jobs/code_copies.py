"""The current packages that hold other packages' code in a form that these no longer have.

A linker copies static libraries and objects; a compiler copies headers. Every user of a shared library reads its
headers, so headers count only for libraries without a shared library: all their code is in headers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.core.fileset.manifest import Manifest
from farm.core.package.copyable import is_header, is_static_code
from farm.server.packages.code_consumers import copied_from, copied_into
from farm.server.previews.build_scope import BuildScope

if TYPE_CHECKING:
    from collections.abc import Iterable

    from farm.core.names.digest import Digest
    from farm.server.packages.code_consumers import Copied
    from farm.server.transaction.unit_of_work import UnitOfWork


def copies_of(unit: UnitOfWork, library: str) -> list[Copied]:
    """Return the current packages that hold code of a package, or may hold it because their build was not traced."""
    return [copied for copied in copied_from(unit.session, [library]) if _counts(BuildScope(unit), copied)]


def holders_of_old_code(scope: BuildScope, libraries: Iterable[str]) -> set[str]:
    """Return the recipes whose current packages in the farm hold code that these packages no longer have.

    `libraries` are short names; what they have is that of the scope.
    """
    return _outdated(scope, copied_from(scope.unit.session, libraries))


def holds_old_code(scope: BuildScope, recipe: str) -> bool:
    """Return whether a recipe was built against a package that was replaced during the build.

    In a preview nothing is: its packages are built once, and the farm's that are replaced meanwhile make it stale.
    """
    return not scope.preview and bool(_outdated(scope, copied_into(scope.unit.session, recipe)))


def _outdated(scope: BuildScope, copies: Iterable[Copied]) -> set[str]:
    changed: dict[tuple[str, Digest, str], bool] = {}
    found = set()
    for copied in copies:
        what = (copied.library, copied.tree, copied.kind)
        if what not in changed:
            changed[what] = _has_changed(scope, copied)
        if changed[what]:
            found.add(copied.recipe)
    return found


def _has_changed(scope: BuildScope, copied: Copied) -> bool:
    unit = scope.unit
    current = scope.current(copied.library)
    if current is not None and current.tree == copied.tree:
        return False
    if not _counts(scope, copied):
        return False
    now = _code(unit, current.tree, copied.kind) if current is not None else {}
    return now != _code(unit, copied.tree, copied.kind)


def _counts(scope: BuildScope, copied: Copied) -> bool:
    return copied.kind != "headers" or not _is_shared(scope, copied)


def _is_shared(scope: BuildScope, copied: Copied) -> bool:
    """Return whether the code's origin has a shared library, in that package or in another of the same build."""
    package = scope.packages_of_tree([copied.tree]).get((copied.library, copied.tree))
    if package is None:
        return False
    built_together = scope.packages_of_plan(package.plan)
    return any(elf.facts.soname for built in built_together for elf in scope.unit.packages.member(built).facts.elf)


def _code(unit: UnitOfWork, tree: Digest, kind: str) -> dict[str, Digest]:
    """Return the code of a kind that can be copied, by path; all of it if the kind is unknown."""
    files = Manifest.from_json(unit.blobs.read(tree)).files()
    return {
        file.path: file.digest
        for file in files
        if (kind != "headers" and is_static_code(file.path)) or (kind != "static" and is_header(file.path))
    }
