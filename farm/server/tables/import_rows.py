"""Rows of other distributions: their verified releases, the packages of these, and what candidates import.

They are separate from the farm's own packages: an imported package has no plan, recipe or attempt here.
"""

from __future__ import annotations

from datetime import datetime  # noqa: TC003  (SQLModel reads the annotations at run time)

from sqlalchemy import BigInteger, CheckConstraint, Index, Text
from sqlmodel import Field

from farm.server.tables.columns import Enumerated, NumberedRow, Row, UtcDateTime
from farm.server.tables.pipeline_states import ChangeState


class ImportedReleaseRow(NumberedRow, table=True):
    """A signed release of another distribution, verified against the root that the recipes name for it.

    The one with the highest `id` was seen last.
    """

    __table_args__ = (
        # Not unique: a release that is seen again after another one is recorded again, as the newest row counts.
        Index("ix_imported_release_digest", "digest", "id"),
        Index("ix_imported_release_newest", "distribution", "channel", "root", "id"),
    )

    digest: str  # of its release.json
    distribution: str
    channel: str
    number: int
    root: str  # fingerprint of root metadata
    address: str
    seen_at: datetime = Field(sa_type=UtcDateTime)
    shown: str = Field(default="", sa_type=Text)  # JSON: the documents that prove that it was signed; empty: none yet


class ImportedPackageRow(Row, table=True):
    """A package of such a release. Its small blobs are in the farm's store, its archive only once it is needed."""

    __table_args__ = (Index("ix_imported_package_descriptor", "descriptor"),)

    release_id: int = Field(primary_key=True, foreign_key="imported_release.id")
    name: str = Field(primary_key=True)  # full
    descriptor: str
    descriptor_size: int
    version: str
    revision: int
    tree: str
    manifest_size: int = Field(sa_type=BigInteger)
    facts: str
    facts_size: int = Field(sa_type=BigInteger)
    archive: str
    archive_size: int = Field(sa_type=BigInteger)
    needs: str = Field(default="[]", sa_type=Text)  # JSON: full names of the packages there that meet its needs


class ImportedAdvisoriesRow(Row, table=True):
    """What another distribution publishes about vulnerabilities in its packages, verified against `root`."""

    distribution: str = Field(primary_key=True)
    root: str  # fingerprint of root metadata
    advisories: str = Field(default="[]", sa_type=Text)  # JSON: OSV documents
    statements: str = Field(default="", sa_type=Text)  # an OpenVEX document, empty when there is none
    seen_at: datetime = Field(sa_type=UtcDateTime)


class ImportTroubleRow(Row, table=True):
    """Another distribution, which recipes take packages from, cannot be followed."""

    distribution: str = Field(primary_key=True)
    why: str = Field(sa_type=Text)  # the error of the last attempt
    since: datetime = Field(sa_type=UtcDateTime)  # time of the first error


class WantedArchiveRow(Row, table=True):
    """A test waits for the archive of an imported package."""

    archive: str = Field(primary_key=True)
    size: int = Field(sa_type=BigInteger)
    name: str  # of the package, full
    address: str  # of the repository that has it


class CandidateImportRow(Row, table=True):
    """An imported package that a candidate adds or removes, as `CandidateChangeRow` does for own ones."""

    __table_args__ = (CheckConstraint("state IN ('wanted', 'accepted', 'held', 'waiting')", "state"),)

    candidate_id: int = Field(primary_key=True, foreign_key="candidate.id")
    name: str = Field(primary_key=True)  # full
    before: str | None = None  # descriptors
    after: str | None = None
    atom: str = ""
    state: ChangeState = Field(default=ChangeState.WANTED, sa_type=Enumerated(ChangeState))


class CandidatePinRow(Row, table=True):
    """The release of another distribution that the imported packages of a candidate are from."""

    candidate_id: int = Field(primary_key=True, foreign_key="candidate.id")
    distribution: str = Field(primary_key=True)
    release_id: int = Field(foreign_key="imported_release.id", index=True)
