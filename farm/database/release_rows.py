"""Rows of candidates, gates, excuses, releases and channels; `farm.release` reads and writes them."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003  (SQLModel reads the annotations at run time)

from sqlalchemy import CheckConstraint, Index, Text, UniqueConstraint
from sqlmodel import Field

from farm.database.columns import Row, UtcDateTime


class ChannelRow(Row, table=True):
    """A named stream of releases."""

    __tablename__ = "channel"

    name: str = Field(primary_key=True)
    policy: str = Field(default="", sa_type=Text)  # canonical JSON of the policy in force
    frozen_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    frozen_why: str = ""


class CandidateRow(Row, table=True):
    """A package set that wants to become a release of a channel."""

    __tablename__ = "candidate"
    __table_args__ = (
        CheckConstraint("state IN ('open', 'passed', 'refused', 'released', 'superseded')", "state"),
        Index("ix_candidate_channel", "channel", "id"),
        Index("ix_candidate_set", "channel", "set_digest"),
    )

    id: int | None = Field(default=None, primary_key=True)
    channel: str = Field(foreign_key="channel.name")
    set_digest: str
    state: str
    created_at: datetime = Field(sa_type=UtcDateTime)
    decided_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    trace: str = Field(default="", index=True)


class CandidateMemberRow(Row, table=True):
    """One package of a candidate."""

    __tablename__ = "candidate_member"

    candidate_id: int = Field(primary_key=True, foreign_key="candidate.id")
    name: str = Field(primary_key=True)
    package: str = Field(foreign_key="package.digest", index=True)


class GateResultRow(Row, table=True):
    """What one gate said about a candidate."""

    __tablename__ = "gate_result"
    __table_args__ = (
        CheckConstraint("state IN ('pending', 'passed', 'failed')", "state"),
        UniqueConstraint("candidate_id", "gate"),
    )

    id: int | None = Field(default=None, primary_key=True)
    candidate_id: int = Field(foreign_key="candidate.id")
    gate: str
    state: str
    detail: str = Field(default="", sa_type=Text)  # canonical JSON: problems, jobs, approvals
    at: datetime = Field(sa_type=UtcDateTime)


class CandidateTestRow(Row, table=True):
    """That a candidate asked for a test job; several candidates may share one."""

    __tablename__ = "candidate_test"

    candidate_id: int = Field(primary_key=True, foreign_key="candidate.id")
    job_id: int = Field(primary_key=True, foreign_key="job.id", index=True)


class ExcuseRow(Row, table=True):
    """Why something of a candidate was held back."""

    __tablename__ = "excuse"

    id: int | None = Field(default=None, primary_key=True)
    candidate_id: int = Field(foreign_key="candidate.id", index=True)
    package: str = Field(index=True)  # short name
    gate: str
    reason: str = Field(sa_type=Text)


class ReleaseRow(Row, table=True):
    """One immutable, numbered release of a channel."""

    __tablename__ = "release"
    __table_args__ = (UniqueConstraint("channel", "number"),)

    id: int | None = Field(default=None, primary_key=True)
    channel: str = Field(foreign_key="channel.name")
    number: int
    candidate_id: int | None = Field(default=None, foreign_key="candidate.id", index=True)
    set_digest: str
    digest: str = Field(unique=True)  # of release.json
    previous: str = ""  # digest of the release before it, empty for the first
    released_at: datetime = Field(sa_type=UtcDateTime)
    published_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    trace: str = ""


class ReleaseMemberRow(Row, table=True):
    """One package of a release."""

    __tablename__ = "release_member"

    release_id: int = Field(primary_key=True, foreign_key="release.id")
    name: str = Field(primary_key=True)
    package: str = Field(foreign_key="package.digest", index=True)
