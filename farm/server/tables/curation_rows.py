"""Rows of curation: excuses, flaky tests, approvals, reports, holds, orders, advisories, reviews."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003  (SQLModel reads the annotations at run time)

from sqlalchemy import CheckConstraint, Index, Text
from sqlmodel import Field

from farm.core.policy.gate_kind import GateKind
from farm.server.tables.columns import Enumerated, NumberedRow, Row, UtcDateTime
from farm.server.tables.pipeline_states import OrderEnding, OrderKind


class ExcuseRow(NumberedRow, table=True):
    """Why a package is held back from a channel. It keeps its `since` while the same package is held back there."""

    __table_args__ = (
        Index("ix_excuse_open", "channel", "cleared_at"),
        Index("ix_excuse_package", "package", "channel"),
        Index("ix_excuse_until", "until"),
    )

    channel: str = Field(foreign_key="channel.name")
    candidate_id: int = Field(foreign_key="candidate.id", index=True)  # the last that held it back
    package: str  # short name
    digest: str = ""  # of the descriptor that is held back, empty for a removal
    version: str = ""
    gate: GateKind = Field(sa_type=Enumerated(GateKind))
    root: str = ""  # the package that causes this; empty if it is this one
    reason: str = Field(sa_type=Text)
    owner: str = ""
    job_id: int | None = Field(default=None, foreign_key="job.id", index=True)
    line: str = Field(default="", sa_type=Text)  # of the log, control characters escaped
    first_error: str = Field(default="", sa_type=Text)  # JSON of `FirstError`, of the job
    partners: str = Field(default="[]", sa_type=Text)  # JSON: it fails only together with these packages
    evidence: str = Field(default="", sa_type=Text)  # JSON of `farm.server.tables.evidence`
    remedy: str = Field(default="", sa_type=Text)  # what would clear it
    under_way: bool = False  # a job of the farm works on it: nobody has to act
    since: datetime = Field(sa_type=UtcDateTime)
    until: datetime | None = Field(default=None, sa_type=UtcDateTime)  # when time alone clears it
    cleared_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    cleared_by: str = ""  # `edge release 12`, `jq 1.7.2-1`


class FlakyTestRow(NumberedRow, table=True):
    """A test that failed and then passed on the same files: in quarantine, by test and version, until it expires."""

    __table_args__ = (Index("ix_flaky_test_name", "recipe", "test", "version"),)

    recipe: str
    test: str
    version: str  # of the recipe, `1.7.1-1`
    failed_job: int = Field(foreign_key="job.id")
    passed_job: int = Field(foreign_key="job.id")
    seen_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)


class ApprovalRow(Row, table=True):
    """A named curator lets a package into a channel; `envelope` is the signed statement."""

    channel: str = Field(primary_key=True, foreign_key="channel.name")
    package: str = Field(primary_key=True)  # its descriptor, of an own or imported package
    curator: str = Field(primary_key=True)
    envelope: str = Field(sa_type=Text)
    at: datetime = Field(sa_type=UtcDateTime)


class ReportRow(NumberedRow, table=True):
    """Reported trouble with a package of a channel: it does not soak while the report is open."""

    __table_args__ = (Index("ix_report_package", "package", "channel"),)

    channel: str = Field(foreign_key="channel.name")
    package: str  # its descriptor, of an own or imported package
    reason: str = Field(sa_type=Text)
    reported_by: str
    at: datetime = Field(sa_type=UtcDateTime)
    resolved_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    resolved_by: str = ""
    delivered_at: datetime | None = Field(default=None, sa_type=UtcDateTime)  # to the signer


class HoldRow(NumberedRow, table=True):
    """A curator keeps a package, whatever its version, unchanged in a channel."""

    __table_args__ = (Index("ix_hold_channel", "channel", "package"),)

    channel: str = Field(foreign_key="channel.name")
    package: str  # short name
    reason: str = Field(sa_type=Text)
    held_by: str
    at: datetime = Field(sa_type=UtcDateTime)
    until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    lifted_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    lifted_by: str = ""


class OrderRow(NumberedRow, table=True):
    """A curator's order to the pipeline of a channel; carried out in turn."""

    __tablename__ = "curator_order"
    __table_args__ = (
        CheckConstraint("kind IN ('promote', 'rollback', 'retry')", "kind"),
        CheckConstraint("ending IN ('released', 'refused', 'nothing-to-do', 'withdrawn')", "ending"),
        Index("ix_curator_order_open", "channel", "done_at", "id"),
    )

    channel: str = Field(foreign_key="channel.name")
    kind: OrderKind = Field(sa_type=Enumerated(OrderKind))
    detail: str = Field(default="{}", sa_type=Text)  # JSON: promote {from, number, packages}, rollback {number}
    reason: str = Field(default="", sa_type=Text)
    ordered_by: str
    at: datetime = Field(sa_type=UtcDateTime)
    candidate_id: int | None = Field(default=None, foreign_key="candidate.id")
    done_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ending: OrderEnding | None = Field(default=None, sa_type=Enumerated(OrderEnding))
    outcome: str = Field(default="", sa_type=Text)  # for people


class SignedOrderRow(Row, table=True):
    """A signed order of a curator, in its envelope, on its way to the signer's ledger."""

    __table_args__ = (Index("ix_signed_order_delivered", "delivered_at", "at"),)

    digest: str = Field(primary_key=True)  # of the statement
    channel: str  # also `advisories`, which is no channel
    act: str  # a `farm.trust.attestation.curator_order.Act`
    curator: str
    envelope: str = Field(sa_type=Text)
    at: datetime = Field(sa_type=UtcDateTime)
    order_id: int | None = Field(default=None, foreign_key="curator_order.id", index=True)  # in the pipeline
    delivered_at: datetime | None = Field(default=None, sa_type=UtcDateTime)  # when the signer took it
    refused: str = Field(default="", sa_type=Text)  # why the signer has not taken it


class OrderSignersRow(Row, table=True):
    """The people whose orders count, by targets: one row, written by control from the published repository."""

    __tablename__ = "who_orders"

    id: int = Field(default=1, primary_key=True)
    people: str = Field(default="null", sa_type=Text)  # JSON: public keys by name; null: no order has to be signed


class UnsignedClaimRow(Row, table=True):
    """A claim (advisory, statement or review) that is not published for lack of a signature."""

    __tablename__ = "unsigned_word"

    digest: str = Field(primary_key=True)  # digest of its canonical JSON
    description: str  # a description, for people


class LeftOutRow(Row, table=True):
    """A package that a rollback left out although it was available, or kept although it was to be removed."""

    order_id: int = Field(primary_key=True, foreign_key="curator_order.id")
    name: str = Field(primary_key=True)  # full for imported packages
    package: str = Field(index=True)  # descriptor
    stays: bool  # it is in the channel, and would have gone


class AdvisoryRow(Row, table=True):
    """A security advisory in OSV's form."""

    id: str = Field(primary_key=True)
    body: str = Field(sa_type=Text)  # canonical JSON
    severity: str  # none, low, medium, high, critical
    modified_at: datetime = Field(sa_type=UtcDateTime)
    withdrawn_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    added_by: str
    added_at: datetime = Field(sa_type=UtcDateTime, index=True)


class AdvisoryPackageRow(Row, table=True):
    """A package that an advisory is about."""

    package: str = Field(primary_key=True)  # short name
    advisory: str = Field(primary_key=True, foreign_key="advisory.id", index=True)


class ReviewRow(Row, table=True):
    """When a package was last checked for vulnerabilities against a source, as a curator stated it."""

    package: str = Field(primary_key=True)  # short name, full for imported packages
    source: str = Field(primary_key=True)  # address of the source
    at: datetime = Field(sa_type=UtcDateTime)
    stated_by: str
    stated_at: datetime = Field(sa_type=UtcDateTime)


class VexRow(NumberedRow, table=True):
    """A statement (OpenVEX) of whether a vulnerability affects a package; the newest one counts."""

    __table_args__ = (
        CheckConstraint("status IN ('not_affected', 'affected', 'fixed', 'under_investigation')", "status"),
        Index("ix_vex_package", "package", "vulnerability"),
    )

    vulnerability: str
    package: str  # short name
    version: str = ""  # `1.7.1-1`, empty for all
    status: str
    justification: str = ""
    statement: str = Field(sa_type=Text)  # canonical JSON
    stated_by: str
    at: datetime = Field(sa_type=UtcDateTime)
