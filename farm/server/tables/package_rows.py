"""Rows of finished packages, of rebuilds, and of the libraries whose code packages hold. Their bytes are blobs."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003  (SQLModel reads the annotations at run time)

from sqlalchemy import BigInteger, CheckConstraint, Index, Text
from sqlmodel import Field

from farm.core.names.printed_version import FIRST_BUILD
from farm.server.tables.columns import Row, UtcDateTime


class PackageColumns(Row):
    """What is recorded of a package, by the digest of its descriptor."""

    digest: str = Field(primary_key=True)
    descriptor_size: int
    name: str  # short: one farm builds one distribution
    version: str
    revision: int
    platform: str
    summary: str = Field(sa_type=Text)
    license: str = Field(sa_column_kwargs={"name": "license"})
    tree: str = Field(index=True)
    archive: str
    archive_size: int = Field(sa_type=BigInteger)
    manifest_size: int = Field(sa_type=BigInteger)  # the manifest's digest is the tree digest
    facts: str
    facts_size: int = Field(sa_type=BigInteger)
    provenance: str
    provenance_size: int = Field(sa_type=BigInteger)
    sbom: str = ""  # digest of its SPDX document, empty if it has none
    sbom_size: int = Field(default=0, sa_type=BigInteger)
    plan: str = Field(foreign_key="plan.digest", index=True)
    recipe: str = Field(foreign_key="recipe_revision.digest", index=True)
    attempt_id: int = Field(foreign_key="attempt.id", index=True)
    built_by: str = Field(foreign_key="worker.name")
    built_at: datetime = Field(sa_type=UtcDateTime, index=True)
    build: int = FIRST_BUILD  # as its provenance states it
    same_as: str = Field(default="", index=True)  # the earlier package with the same files, for which it was dropped


class PackageRow(PackageColumns, table=True):
    """A package of the farm: any channel may be offered it."""

    __table_args__ = (Index("ix_package_name", "name", "digest"),)


class AttestationRow(Row, table=True):
    """A rebuild by another worker with the same result, as its signed provenance states."""

    package: str = Field(primary_key=True, foreign_key="package.digest")
    built_by: str = Field(primary_key=True, foreign_key="worker.name")
    provenance: str
    provenance_size: int = Field(sa_type=BigInteger)
    attempt_id: int = Field(foreign_key="attempt.id", index=True)
    at: datetime = Field(sa_type=UtcDateTime, index=True)


class DifferenceRow(Row, table=True):
    """A rebuild by another worker with other packages: the files that differ."""

    plan: str = Field(primary_key=True, foreign_key="plan.digest")
    built_by: str = Field(primary_key=True, foreign_key="worker.name")
    detail: str = Field(sa_type=Text)  # canonical JSON: by package, the two trees and the paths that differ
    attempt_id: int = Field(foreign_key="attempt.id", index=True)
    at: datetime = Field(sa_type=UtcDateTime)


class ConsumedRow(Row, table=True):
    """The build of a package read static archives or headers of another: it may hold copies of that code."""

    __table_args__ = (CheckConstraint("kind IN ('static', 'headers', 'unknown')", "kind"),)

    package: str = Field(primary_key=True, foreign_key="package.digest")
    library: str = Field(primary_key=True, index=True)  # short name
    kind: str = Field(primary_key=True)
    tree: str  # of the library's package at that time


class ProvidedFileRow(Row, table=True):
    """A file that builds look for: a header, library, program, or what pkg-config and CMake read. Rows are only added.

    `package` is the short name of a package of which some build has the file, at `path` in the package.
    """

    __tablename__ = "provided_file"

    path: str = Field(primary_key=True)
    package: str = Field(primary_key=True)
