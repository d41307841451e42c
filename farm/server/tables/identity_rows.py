"""Rows of workers, tokens, used nonces, and the audit trail of what was done or refused."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003  (SQLModel reads the annotations at run time)

from sqlalchemy import CheckConstraint, Index, Text
from sqlmodel import Field

from farm.server.tables.columns import NumberedRow, Row, UtcDateTime


class WorkerRow(Row, table=True):
    """A build worker that an operator has enrolled, by its public key."""

    name: str = Field(primary_key=True)
    public_key: str = Field(unique=True)  # ed25519, 64 hexadecimal digits
    builds: bool
    tests: bool
    enrolled_by: str
    enrolled_at: datetime = Field(sa_type=UtcDateTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    seen_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class NonceRow(Row, table=True):
    """A nonce that a worker's request has used; kept until its timestamp is out of the window."""

    worker: str = Field(primary_key=True, foreign_key="worker.name")
    nonce: str = Field(primary_key=True)
    expires_at: datetime = Field(sa_type=UtcDateTime, index=True)


class TokenRow(NumberedRow, table=True):
    """A person's or a script's token; only its sha256 is kept."""

    __table_args__ = (CheckConstraint("role IN ('maintainer', 'curator', 'admin')", "role"),)

    digest: str = Field(unique=True)
    name: str
    role: str
    created_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class AuditRow(NumberedRow, table=True):
    """An action that was done or refused. Rows are only ever added."""

    __table_args__ = (Index("ix_audit_actor", "actor", "id"), Index("ix_audit_channel", "channel", "id"))

    at: datetime = Field(sa_type=UtcDateTime, index=True)
    actor: str
    action: str
    subject: str
    allowed: bool
    detail: str = Field(default="", sa_type=Text)
    address: str = ""
    trace: str = ""
    channel: str = ""  # which it is about; empty when it is about none
