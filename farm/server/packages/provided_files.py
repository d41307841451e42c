"""Which package provides what a build has missed, by an index of the files that builds look for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlmodel import col, select

from farm.core.buildlog.providers import best_provider, is_indexed, paths_of
from farm.server.tables.package_rows import ProvidedFileRow
from farm.server.tables.reading import rows_with
from farm.server.tables.writing import add_rows

if TYPE_CHECKING:
    from sqlmodel import Session

    from farm.core.buildlog.error_kind import ErrorKind
    from farm.core.fileset.manifest import Manifest


def add_provided(session: Session, package: str, manifest: Manifest) -> None:
    """Index the files of a package (short name). Those of earlier builds stay."""
    indexed = {entry.path for entry in manifest.entries if is_indexed(entry.path)}
    query = select(ProvidedFileRow.path).where(ProvidedFileRow.package == package)
    known = set(rows_with(session, query, ProvidedFileRow.path, indexed))
    add_rows(session, (ProvidedFileRow(path=path, package=package) for path in sorted(indexed - known)))


def provider_of(session: Session, kind: ErrorKind, subject: str) -> str:
    """Return the short name of a package that provides a missing thing; empty if none is known."""
    paths = paths_of(kind, subject)
    if not paths:
        return ""
    query = select(ProvidedFileRow.package).where(col(ProvidedFileRow.path).in_(paths)).distinct()
    return best_provider(session.exec(query))
