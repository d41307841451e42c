"""Rows of finished packages. The bytes are blobs; a row says which, and where they come from."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003  (SQLModel reads the annotations at run time)

from sqlalchemy import BigInteger, Index, Text
from sqlmodel import Field

from farm.database.columns import Row, UtcDateTime


class PackageRow(Row, table=True):
    """A package by the digest of its descriptor."""

    __tablename__ = "package"
    __table_args__ = (Index("ix_package_name", "name", "digest"),)

    digest: str = Field(primary_key=True)
    descriptor_size: int
    name: str  # short: one farm builds one distribution
    version: str
    revision: int
    platform: str
    summary: str = Field(sa_type=Text)
    licence: str
    tree: str = Field(index=True)
    archive: str
    archive_size: int = Field(sa_type=BigInteger)
    manifest_size: int = Field(sa_type=BigInteger)  # the manifest's digest is the tree digest
    facts: str
    facts_size: int = Field(sa_type=BigInteger)
    provenance: str
    provenance_size: int = Field(sa_type=BigInteger)
    plan: str = Field(foreign_key="plan.digest", index=True)
    recipe: str = Field(foreign_key="recipe_revision.digest", index=True)
    attempt_id: int = Field(foreign_key="attempt.id", index=True)
    built_by: str = Field(foreign_key="worker.name")
    built_at: datetime = Field(sa_type=UtcDateTime, index=True)
