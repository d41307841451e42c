"""Rows of channels, candidates, their set runs, and releases; `farm.server.pipeline` reads and writes them.

A candidate stores what it changes, and a release what it added and removed: both cost what has changed, not the set.
"""

from __future__ import annotations

from datetime import datetime  # noqa: TC003  (SQLModel reads the annotations at run time)
from typing import TYPE_CHECKING

from sqlalchemy import CheckConstraint, Index, Text, UniqueConstraint
from sqlmodel import Field, and_, col, or_

from farm.core.policy.gate_kind import GateKind
from farm.server.tables.columns import Enumerated, NumberedRow, Row, UtcDateTime
from farm.server.tables.pipeline_states import (
    CandidateOrigin,
    CandidateState,
    ChangeState,
    GateState,
    RunPurpose,
    RunState,
)

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement


class ChannelRow(Row, table=True):
    """A named stream of releases."""

    name: str = Field(primary_key=True)
    policy: str = Field(default="", sa_type=Text)  # canonical JSON of the policy in force
    frozen_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    frozen_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    frozen_why: str = ""
    frozen_by: str = ""
    tests_seen: int = 0  # the newest answered job whose tests were checked against the channel's packages
    trouble: str = Field(default="", sa_type=Text)  # why its file cannot be followed, one line for each error
    unsigned: str = Field(default="", sa_type=Text)  # in which points its file is laxer than what is signed
    halted: str = Field(default="", sa_type=Text)  # what prevents its next step


class CandidateRow(NumberedRow, table=True):
    """Changes to a release of a channel that are proposed as the next one."""

    __table_args__ = (
        CheckConstraint("state IN ('open', 'passed', 'refused', 'released', 'superseded')", "state"),
        CheckConstraint("origin IN ('collected', 'promotion', 'rollback', 'retry')", "origin"),
        Index("ix_candidate_channel", "channel", "id"),
        Index("ix_candidate_set", "channel", "set_digest"),
    )

    channel: str = Field(foreign_key="channel.name")
    set_digest: str  # of the base with all proposed changes
    base_number: int = 0  # the release that the changes are against; 0 if there is none yet
    origin: CandidateOrigin = Field(sa_type=Enumerated(CandidateOrigin))
    from_channel: str = ""  # the channel of the release that the packages are from; empty for new builds
    from_number: int = 0
    tests_mark: int = 0  # the newest answered job when it was opened: its tests and older ones count
    testers_mark: str = ""  # the testers whose results counted when it was opened; empty if all did
    state: CandidateState = Field(sa_type=Enumerated(CandidateState))
    reason: str = Field(default="", sa_type=Text)  # why it ended as it did, in a line
    created_at: datetime = Field(sa_type=UtcDateTime)
    decided_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    trace: str = Field(default="", index=True)


class CandidateChangeRow(Row, table=True):
    """One package that a candidate adds (`before` is empty if it is new) or removes (`after` is empty)."""

    __table_args__ = (CheckConstraint("state IN ('wanted', 'accepted', 'held', 'waiting')", "state"),)

    candidate_id: int = Field(primary_key=True, foreign_key="candidate.id")
    name: str = Field(primary_key=True)
    before: str | None = Field(default=None, foreign_key="package.digest")
    after: str | None = Field(default=None, foreign_key="package.digest", index=True)
    atom: str = ""  # the first name of the group that it moves with
    state: ChangeState = Field(default=ChangeState.WANTED, sa_type=Enumerated(ChangeState))


class GateResultRow(NumberedRow, table=True):
    """The result of a gate for a candidate."""

    __table_args__ = (
        CheckConstraint("state IN ('pending', 'passed', 'failed')", "state"),
        UniqueConstraint("candidate_id", "gate"),
    )

    candidate_id: int = Field(foreign_key="candidate.id")
    gate: GateKind = Field(sa_type=Enumerated(GateKind))
    state: GateState = Field(sa_type=Enumerated(GateState))
    detail: str = Field(default="", sa_type=Text)  # JSON: a summary for people, and the tests that block nothing
    at: datetime = Field(sa_type=UtcDateTime)


class CandidateTestRow(Row, table=True):
    """A candidate requested a test job; several candidates may share one."""

    candidate_id: int = Field(primary_key=True, foreign_key="candidate.id")
    job_id: int = Field(primary_key=True, foreign_key="job.id", index=True)


class SetRunRow(NumberedRow, table=True):
    """One set that was evaluated in a candidate's search, by its combined digest, with the result."""

    __table_args__ = (
        CheckConstraint("state IN ('pending', 'green', 'red')", "state"),
        CheckConstraint("purpose IN ('search', 'retry', 'evidence')", "purpose"),
        UniqueConstraint("candidate_id", "set_digest"),
    )

    candidate_id: int = Field(foreign_key="candidate.id")
    set_digest: str  # of the base and the changes in this set
    purpose: RunPurpose = Field(sa_type=Enumerated(RunPurpose))
    atoms: int  # how many atoms of the candidate are in it
    tests: int = 0  # how many test jobs it was the first to request
    state: RunState = Field(sa_type=Enumerated(RunState))
    detail: str = Field(default="", sa_type=Text)  # JSON of `farm.server.tables.evidence`
    started_at: datetime = Field(sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class ReleaseRow(NumberedRow, table=True):
    """One immutable, numbered release of a channel."""

    __table_args__ = (UniqueConstraint("channel", "number"),)

    channel: str = Field(foreign_key="channel.name")
    number: int
    candidate_id: int | None = Field(default=None, foreign_key="candidate.id", index=True)
    set_digest: str  # of the root of its index
    digest: str = Field(unique=True)  # of release.json
    previous: str = ""  # digest of the release before it, empty for the first
    packages: int = 0  # how many it holds
    released_at: datetime = Field(sa_type=UtcDateTime)
    published_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    trace: str = ""


class MembershipRow(Row, table=True):
    """A package is in the releases of a channel from number `since` on, until `until` (the first one without it)."""

    __table_args__ = (
        Index("ix_membership_package", "package", "channel"),
        Index("ix_membership_since", "channel", "since"),
        Index("ix_membership_until", "channel", "until"),
    )

    channel: str = Field(primary_key=True, foreign_key="channel.name")
    name: str = Field(primary_key=True)
    since: int = Field(primary_key=True)
    until: int | None = None
    package: str = Field(foreign_key="package.digest")


class NeedRow(Row, table=True):
    """In the releases of a channel from number `since` on, until `until`, the package `user` needs `provider`."""

    __table_args__ = (
        Index("ix_need_provider", "channel", "provider", "user"),
        Index("ix_need_since", "channel", "since"),
        Index("ix_need_until", "channel", "until"),
    )

    channel: str = Field(primary_key=True, foreign_key="channel.name")
    user: str = Field(primary_key=True)
    provider: str = Field(primary_key=True)
    since: int = Field(primary_key=True)
    until: int | None = None


def in_release(rows: type[MembershipRow | NeedRow], channel: str, number: int) -> ColumnElement[bool]:
    """Return the condition under which a row that is kept from `since` until `until` belongs to a release."""
    return and_(
        col(rows.channel) == channel,
        col(rows.since) <= number,
        or_(col(rows.until).is_(None), col(rows.until) > number),
    )
