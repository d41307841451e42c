"""The first schema: every table, empty. A key comes first, then what refers to others, then the rest by type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from alembic import op

from farm.server.tables.columns import UtcDateTime

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.types import TypeEngine

revision = "1000"
down_revision = None


def _required(kind: type[TypeEngine[Any]], *names: str) -> Iterator[sa.Column[Any]]:
    return (sa.Column(name, kind(), nullable=False) for name in names)


def _optional(kind: type[TypeEngine[Any]], *names: str) -> Iterator[sa.Column[Any]]:
    return (sa.Column(name, kind()) for name in names)


def _one_of(column: str, *values: str) -> sa.CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return sa.CheckConstraint(f"{column} IN ({listed})", column)


def _where(condition: str) -> dict[str, Any]:
    """Return the options of an index that holds only the rows of a condition."""
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


# Alembic loads this file for each upgrade, so that each column gets into one table.
_TABLES: dict[str, tuple[sa.schema.SchemaItem, ...]] = {
    "advisory": (
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("added_at", UtcDateTime(), index=True, nullable=False),
        *_required(sa.Text, "body"),
        *_required(sa.String, "severity", "added_by"),
        *_required(UtcDateTime, "modified_at"),
        *_optional(UtcDateTime, "withdrawn_at"),
    ),
    "audit": (
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("at", UtcDateTime(), index=True, nullable=False),
        *_required(sa.String, "actor", "action", "subject", "address", "trace", "channel"),
        *_required(sa.Boolean, "allowed"),
        *_required(sa.Text, "detail"),
        sa.Index("ix_audit_actor", "actor", "id"),
        sa.Index("ix_audit_channel", "channel", "id"),
    ),
    "channel": (
        sa.Column("name", sa.String(), primary_key=True),
        *_required(sa.Text, "policy", "trouble", "unsigned", "halted"),
        *_optional(UtcDateTime, "frozen_at", "frozen_until"),
        *_required(sa.String, "frozen_why", "frozen_by"),
        *_required(sa.Integer, "tests_seen"),
    ),
    "import_trouble": (
        sa.Column("distribution", sa.String(), primary_key=True),
        *_required(sa.Text, "why"),
        *_required(UtcDateTime, "since"),
    ),
    "imported_advisories": (
        sa.Column("distribution", sa.String(), primary_key=True),
        *_required(sa.String, "root"),
        *_required(sa.Text, "advisories", "statements"),
        *_required(UtcDateTime, "seen_at"),
    ),
    "imported_release": (
        sa.Column("id", sa.Integer(), primary_key=True),
        *_required(sa.String, "digest", "distribution", "channel", "root", "address"),
        *_required(sa.Integer, "number"),
        *_required(UtcDateTime, "seen_at"),
        *_required(sa.Text, "shown"),
        sa.Index("ix_imported_release_digest", "digest", "id"),
        sa.Index("ix_imported_release_newest", "distribution", "channel", "root", "id"),
    ),
    "ownership": (
        sa.Column("id", sa.Integer(), primary_key=True),
        *_optional(sa.Text, "owners"),
        *_required(sa.Text, "curators", "trouble"),
    ),
    "plan": (
        sa.Column("digest", sa.String(), primary_key=True),
        sa.Column("name", sa.String(), index=True, nullable=False),
        *_required(sa.Text, "body"),
        *_required(sa.Integer, "build"),
    ),
    "review": (
        sa.Column("package", sa.String(), primary_key=True),
        sa.Column("source", sa.String(), primary_key=True),
        *_required(UtcDateTime, "at", "stated_at"),
        *_required(sa.String, "stated_by"),
    ),
    "submission": (
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("trace", sa.String(), index=True, nullable=False),
        sa.Column("state", sa.String(), server_default="taken", nullable=False),
        *_required(sa.String, "submitted_by"),
        *_required(UtcDateTime, "submitted_at"),
        _one_of("state", "taken", "waiting", "withdrawn"),
        sa.Index("ix_submission_state", "state", "id"),
    ),
    "test": (
        sa.Column("digest", sa.String(), primary_key=True),
        sa.Column("subject", sa.String(), index=True, nullable=False),
        *_required(sa.String, "test"),
        *_required(sa.Text, "body"),
    ),
    "token": (
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("digest", sa.String(), unique=True, nullable=False),
        *_required(sa.String, "name", "role"),
        *_required(UtcDateTime, "created_at", "expires_at"),
        *_optional(UtcDateTime, "revoked_at"),
        _one_of("role", "maintainer", "curator", "admin"),
    ),
    "unsigned_word": (
        sa.Column("digest", sa.String(), primary_key=True),
        *_required(sa.String, "description"),
    ),
    "vex": (
        sa.Column("id", sa.Integer(), primary_key=True),
        *_required(sa.String, "vulnerability", "package", "version", "status", "justification", "stated_by"),
        *_required(sa.Text, "statement"),
        *_required(UtcDateTime, "at"),
        _one_of("status", "not_affected", "affected", "fixed", "under_investigation"),
        sa.Index("ix_vex_package", "package", "vulnerability"),
    ),
    "wanted_archive": (
        sa.Column("archive", sa.String(), primary_key=True),
        *_required(sa.BigInteger, "size"),
        *_required(sa.String, "name", "address"),
    ),
    "who_orders": (
        sa.Column("id", sa.Integer(), primary_key=True),
        *_required(sa.Text, "people"),
    ),
    "worker": (
        sa.Column("name", sa.String(), primary_key=True),
        sa.Column("public_key", sa.String(), unique=True, nullable=False),
        *_required(sa.Boolean, "builds", "tests"),
        *_required(sa.String, "enrolled_by"),
        *_required(UtcDateTime, "enrolled_at"),
        *_optional(UtcDateTime, "revoked_at", "seen_at"),
    ),
    "advisory_package": (
        sa.Column("package", sa.String(), primary_key=True),
        sa.Column("advisory", sa.String(), sa.ForeignKey("advisory.id"), primary_key=True, index=True),
    ),
    "approval": (
        sa.Column("channel", sa.String(), sa.ForeignKey("channel.name"), primary_key=True),
        sa.Column("package", sa.String(), primary_key=True),
        sa.Column("curator", sa.String(), primary_key=True),
        *_required(sa.Text, "envelope"),
        *_required(UtcDateTime, "at"),
    ),
    "candidate": (
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("channel", sa.String(), sa.ForeignKey("channel.name"), nullable=False),
        sa.Column("trace", sa.String(), index=True, nullable=False),
        *_required(sa.String, "set_digest", "origin", "from_channel", "testers_mark", "state"),
        *_required(sa.Integer, "base_number", "from_number", "tests_mark"),
        *_required(sa.Text, "reason"),
        *_required(UtcDateTime, "created_at"),
        *_optional(UtcDateTime, "decided_at"),
        _one_of("origin", "collected", "promotion", "rollback", "retry"),
        _one_of("state", "open", "passed", "refused", "released", "superseded"),
        sa.Index("ix_candidate_channel", "channel", "id"),
        sa.Index("ix_candidate_set", "channel", "set_digest"),
    ),
    "hold": (
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("channel", sa.String(), sa.ForeignKey("channel.name"), nullable=False),
        *_required(sa.String, "package", "held_by", "lifted_by"),
        *_required(sa.Text, "reason"),
        *_required(UtcDateTime, "at"),
        *_optional(UtcDateTime, "until", "lifted_at"),
        sa.Index("ix_hold_channel", "channel", "package"),
    ),
    "imported_package": (
        sa.Column("release_id", sa.Integer(), sa.ForeignKey("imported_release.id"), primary_key=True),
        sa.Column("name", sa.String(), primary_key=True),
        *_required(sa.String, "descriptor", "version", "tree", "facts", "archive"),
        *_required(sa.Integer, "descriptor_size", "revision"),
        *_required(sa.BigInteger, "manifest_size", "facts_size", "archive_size"),
        *_required(sa.Text, "needs"),
        sa.Index("ix_imported_package_descriptor", "descriptor"),
    ),
    "nonce": (
        sa.Column("worker", sa.String(), sa.ForeignKey("worker.name"), primary_key=True),
        sa.Column("nonce", sa.String(), primary_key=True),
        sa.Column("expires_at", UtcDateTime(), index=True, nullable=False),
    ),
    "recipe_revision": (
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("digest", sa.String(), unique=True, nullable=False),
        sa.Column("name", sa.String(), index=True, nullable=False),
        sa.Column("submission_id", sa.Integer(), sa.ForeignKey("submission.id"), index=True, nullable=False),
        *_required(sa.String, "version", "license", "toolchain", "files"),
        *_required(sa.Integer, "revision"),
        *_required(sa.Text, "summary"),
    ),
    "recipe_signature": (
        sa.Column("recipe", sa.String(), primary_key=True),
        sa.Column("envelope", sa.String(), primary_key=True, index=True),
        sa.Column("submission_id", sa.Integer(), sa.ForeignKey("submission.id"), index=True, nullable=False),
        *_required(sa.String, "person"),
        *_required(UtcDateTime, "signed_at"),
    ),
    "report": (
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("channel", sa.String(), sa.ForeignKey("channel.name"), nullable=False),
        *_required(sa.String, "package", "reported_by", "resolved_by"),
        *_required(sa.Text, "reason"),
        *_required(UtcDateTime, "at"),
        *_optional(UtcDateTime, "resolved_at", "delivered_at"),
        sa.Index("ix_report_package", "package", "channel"),
    ),
    "submitted_recipe": (
        sa.Column("submission_id", sa.Integer(), sa.ForeignKey("submission.id"), primary_key=True),
        sa.Column("name", sa.String(), primary_key=True),
        *_required(sa.String, "digest", "files"),
    ),
    "candidate_import": (
        sa.Column("candidate_id", sa.Integer(), sa.ForeignKey("candidate.id"), primary_key=True),
        sa.Column("name", sa.String(), primary_key=True),
        *_optional(sa.String, "before", "after"),
        *_required(sa.String, "atom", "state"),
        _one_of("state", "wanted", "accepted", "held", "waiting"),
    ),
    "candidate_pin": (
        sa.Column("candidate_id", sa.Integer(), sa.ForeignKey("candidate.id"), primary_key=True),
        sa.Column("distribution", sa.String(), primary_key=True),
        sa.Column("release_id", sa.Integer(), sa.ForeignKey("imported_release.id"), index=True, nullable=False),
    ),
    "curator_order": (
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("channel", sa.String(), sa.ForeignKey("channel.name"), nullable=False),
        sa.Column("candidate_id", sa.Integer(), sa.ForeignKey("candidate.id")),
        *_required(sa.String, "kind", "ordered_by"),
        *_required(sa.Text, "detail", "reason", "outcome"),
        *_required(UtcDateTime, "at"),
        *_optional(UtcDateTime, "done_at"),
        *_optional(sa.String, "ending"),
        _one_of("ending", "released", "refused", "nothing-to-do", "withdrawn"),
        _one_of("kind", "promote", "rollback", "retry"),
        sa.Index("ix_curator_order_open", "channel", "done_at", "id"),
    ),
    "gate_result": (
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("candidate_id", sa.Integer(), sa.ForeignKey("candidate.id"), nullable=False),
        *_required(sa.String, "gate", "state"),
        *_required(sa.Text, "detail"),
        *_required(UtcDateTime, "at"),
        sa.UniqueConstraint("candidate_id", "gate"),
        _one_of("state", "pending", "passed", "failed"),
    ),
    "job": (
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("revision_id", sa.Integer(), sa.ForeignKey("recipe_revision.id"), index=True),
        sa.Column("submission_id", sa.Integer(), sa.ForeignKey("submission.id"), index=True),
        sa.Column("answered_by", sa.Integer(), sa.ForeignKey("job.id")),
        sa.Column("trace", sa.String(), index=True, nullable=False),
        *_required(sa.String, "kind", "name", "state", "trouble", "error_code"),
        *_optional(sa.String, "subject"),
        *_required(sa.Boolean, "rebuild"),
        *_required(sa.Integer, "priority", "lost", "troubles"),
        *_optional(UtcDateTime, "not_before", "elsewhere_until", "notified_at", "finished_at"),
        *_required(UtcDateTime, "created_at", "changed_at"),
        *_required(sa.Text, "error"),
        _one_of("kind", "build", "test", "comparison"),
        _one_of(
            "state", "waiting", "blocked", "ready", "leased", "running", "set-aside", "succeeded", "failed", "cancelled"
        ),
        sa.Index("ix_job_answered", "id", **_where("answered_by IS NOT NULL")),
        sa.Index("ix_job_claim", "state", "priority", "id"),
        sa.Index("ix_job_name", "name", "id"),
        sa.Index("ix_job_state", "state", "id"),
        sa.Index("ix_job_subject", "subject", "state"),
        sa.Index("ix_job_trouble", "state", "changed_at", **_where("trouble != ''")),
        sa.Index("uq_job_active_subject", "subject", unique=True, **_where("state IN ('ready', 'leased', 'running')")),
    ),
    "recipe": (
        sa.Column("name", sa.String(), primary_key=True),
        sa.Column("current_id", sa.Integer(), sa.ForeignKey("recipe_revision.id"), index=True, nullable=False),
        sa.Column("built_id", sa.Integer(), sa.ForeignKey("recipe_revision.id"), index=True),
        sa.Column("built_plan", sa.String(), sa.ForeignKey("plan.digest"), index=True),
        sa.Column("built_at", UtcDateTime(), index=True),
        sa.Column("newest_plan", sa.String(), index=True),
    ),
    "release": (
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("channel", sa.String(), sa.ForeignKey("channel.name"), nullable=False),
        sa.Column("candidate_id", sa.Integer(), sa.ForeignKey("candidate.id"), index=True),
        sa.Column("digest", sa.String(), unique=True, nullable=False),
        *_required(sa.Integer, "number", "packages"),
        *_required(sa.String, "set_digest", "previous", "trace"),
        *_required(UtcDateTime, "released_at"),
        *_optional(UtcDateTime, "published_at"),
        sa.UniqueConstraint("channel", "number"),
    ),
    "set_run": (
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("candidate_id", sa.Integer(), sa.ForeignKey("candidate.id"), nullable=False),
        *_required(sa.String, "set_digest", "purpose", "state"),
        *_required(sa.Integer, "atoms", "tests"),
        *_required(sa.Text, "detail"),
        *_required(UtcDateTime, "started_at"),
        *_optional(UtcDateTime, "ended_at"),
        _one_of("state", "pending", "green", "red"),
        _one_of("purpose", "search", "retry", "evidence"),
        sa.UniqueConstraint("candidate_id", "set_digest"),
    ),
    "attempt": (
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("job_id", sa.Integer(), sa.ForeignKey("job.id"), nullable=False),
        sa.Column("worker", sa.String(), sa.ForeignKey("worker.name"), nullable=False),
        sa.Column("token_digest", sa.String(), unique=True, nullable=False),
        *_required(sa.Integer, "number"),
        *_required(sa.String, "state", "log_digest", "error_code", "trouble", "attestation", "tester"),
        *_required(UtcDateTime, "claimed_at", "heartbeat_at", "expires_at"),
        *_optional(UtcDateTime, "finished_at"),
        *_required(sa.BigInteger, "log_size"),
        *_required(sa.Text, "error", "outcome"),
        _one_of("state", "leased", "running", "succeeded", "failed", "lost", "released", "cancelled"),
        sa.UniqueConstraint("job_id", "number"),
        sa.Index("ix_attempt_expiry", "state", "expires_at"),
        sa.Index("ix_attempt_worker", "worker", "id"),
        sa.Index("uq_attempt_live_job", "job_id", unique=True, **_where("state IN ('leased', 'running')")),
    ),
    "candidate_test": (
        sa.Column("candidate_id", sa.Integer(), sa.ForeignKey("candidate.id"), primary_key=True),
        sa.Column("job_id", sa.Integer(), sa.ForeignKey("job.id"), primary_key=True, index=True),
    ),
    "comparison": (
        sa.Column("digest", sa.String(), primary_key=True),
        sa.Column("job_id", sa.Integer(), sa.ForeignKey("job.id")),
        *_required(sa.String, "package", "soname"),
        *_required(sa.Text, "body", "outcome"),
    ),
    "excuse": (
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("channel", sa.String(), sa.ForeignKey("channel.name"), nullable=False),
        sa.Column("candidate_id", sa.Integer(), sa.ForeignKey("candidate.id"), index=True, nullable=False),
        sa.Column("job_id", sa.Integer(), sa.ForeignKey("job.id"), index=True),
        *_required(sa.String, "package", "digest", "version", "gate", "root", "owner", "cleared_by"),
        *_required(sa.Text, "reason", "line", "partners", "evidence", "remedy"),
        *_required(sa.Boolean, "under_way"),
        *_required(UtcDateTime, "since"),
        *_optional(UtcDateTime, "until", "cleared_at"),
        sa.Index("ix_excuse_open", "channel", "cleared_at"),
        sa.Index("ix_excuse_package", "package", "channel"),
        sa.Index("ix_excuse_until", "until"),
    ),
    "flaky_test": (
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("failed_job", sa.Integer(), sa.ForeignKey("job.id"), nullable=False),
        sa.Column("passed_job", sa.Integer(), sa.ForeignKey("job.id"), nullable=False),
        *_required(sa.String, "recipe", "test", "version"),
        *_required(UtcDateTime, "seen_at", "expires_at"),
        sa.Index("ix_flaky_test_name", "recipe", "test", "version"),
    ),
    "job_exclusion": (
        sa.Column("job_id", sa.Integer(), sa.ForeignKey("job.id"), primary_key=True),
        sa.Column("worker", sa.String(), sa.ForeignKey("worker.name"), primary_key=True),
    ),
    "job_need": (
        sa.Column("job_id", sa.Integer(), sa.ForeignKey("job.id"), primary_key=True),
        sa.Column("recipe", sa.String(), primary_key=True),
        sa.Index("ix_job_need_recipe", "recipe", "job_id"),
    ),
    "left_out": (
        sa.Column("order_id", sa.Integer(), sa.ForeignKey("curator_order.id"), primary_key=True),
        sa.Column("name", sa.String(), primary_key=True),
        sa.Column("package", sa.String(), index=True, nullable=False),
        *_required(sa.Boolean, "stays"),
    ),
    "outbox": (
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("job_id", sa.Integer(), sa.ForeignKey("job.id"), index=True, nullable=False),
        sa.Column("sent_at", UtcDateTime(), index=True),
        *_required(sa.String, "task"),
        *_required(UtcDateTime, "created_at"),
        sa.Index("ix_outbox_unsent", "id", **_where("sent_at IS NULL")),
    ),
    "recipe_need": (
        sa.Column("recipe", sa.String(), sa.ForeignKey("recipe.name"), primary_key=True),
        sa.Column("needs", sa.String(), primary_key=True),
        sa.Index("ix_recipe_need_needs", "needs", "recipe"),
    ),
    "recipe_output": (
        sa.Column("package", sa.String(), primary_key=True),
        sa.Column("recipe", sa.String(), sa.ForeignKey("recipe.name"), index=True, nullable=False),
    ),
    "signed_order": (
        sa.Column("digest", sa.String(), primary_key=True),
        sa.Column("order_id", sa.Integer(), sa.ForeignKey("curator_order.id"), index=True),
        *_required(sa.String, "channel", "act", "curator"),
        *_required(sa.Text, "envelope", "refused"),
        *_required(UtcDateTime, "at"),
        *_optional(UtcDateTime, "delivered_at"),
        sa.Index("ix_signed_order_delivered", "delivered_at", "at"),
    ),
    "difference": (
        sa.Column("plan", sa.String(), sa.ForeignKey("plan.digest"), primary_key=True),
        sa.Column("built_by", sa.String(), sa.ForeignKey("worker.name"), primary_key=True),
        sa.Column("attempt_id", sa.Integer(), sa.ForeignKey("attempt.id"), index=True, nullable=False),
        *_required(sa.Text, "detail"),
        *_required(UtcDateTime, "at"),
    ),
    "package": (
        sa.Column("digest", sa.String(), primary_key=True),
        sa.Column("tree", sa.String(), index=True, nullable=False),
        sa.Column("plan", sa.String(), sa.ForeignKey("plan.digest"), index=True, nullable=False),
        sa.Column("recipe", sa.String(), sa.ForeignKey("recipe_revision.digest"), index=True, nullable=False),
        sa.Column("attempt_id", sa.Integer(), sa.ForeignKey("attempt.id"), index=True, nullable=False),
        sa.Column("built_by", sa.String(), sa.ForeignKey("worker.name"), nullable=False),
        sa.Column("built_at", UtcDateTime(), index=True, nullable=False),
        sa.Column("same_as", sa.String(), index=True, nullable=False),
        *_required(sa.Integer, "descriptor_size", "revision", "build"),
        *_required(sa.String, "name", "version", "platform", "license", "archive", "facts", "provenance", "sbom"),
        *_required(sa.Text, "summary"),
        *_required(sa.BigInteger, "archive_size", "manifest_size", "facts_size", "provenance_size", "sbom_size"),
        sa.Index("ix_package_name", "name", "digest"),
    ),
    "attestation": (
        sa.Column("package", sa.String(), sa.ForeignKey("package.digest"), primary_key=True),
        sa.Column("built_by", sa.String(), sa.ForeignKey("worker.name"), primary_key=True),
        sa.Column("attempt_id", sa.Integer(), sa.ForeignKey("attempt.id"), index=True, nullable=False),
        sa.Column("at", UtcDateTime(), index=True, nullable=False),
        *_required(sa.String, "provenance"),
        *_required(sa.BigInteger, "provenance_size"),
    ),
    "candidate_change": (
        sa.Column("candidate_id", sa.Integer(), sa.ForeignKey("candidate.id"), primary_key=True),
        sa.Column("name", sa.String(), primary_key=True),
        sa.Column("before", sa.String(), sa.ForeignKey("package.digest")),
        sa.Column("after", sa.String(), sa.ForeignKey("package.digest"), index=True),
        *_required(sa.String, "atom", "state"),
        _one_of("state", "wanted", "accepted", "held", "waiting"),
    ),
    "consumed": (
        sa.Column("package", sa.String(), sa.ForeignKey("package.digest"), primary_key=True),
        sa.Column("library", sa.String(), primary_key=True, index=True),
        sa.Column("kind", sa.String(), primary_key=True),
        *_required(sa.String, "tree"),
        _one_of("kind", "static", "headers", "unknown"),
    ),
    "membership": (
        sa.Column("channel", sa.String(), sa.ForeignKey("channel.name"), primary_key=True),
        sa.Column("name", sa.String(), primary_key=True),
        sa.Column("since", sa.Integer(), primary_key=True),
        sa.Column("package", sa.String(), sa.ForeignKey("package.digest"), nullable=False),
        *_optional(sa.Integer, "until"),
        sa.Index("ix_membership_package", "package", "channel"),
        sa.Index("ix_membership_since", "channel", "since"),
        sa.Index("ix_membership_until", "channel", "until"),
    ),
}


def upgrade() -> None:
    for name, parts in _TABLES.items():
        op.create_table(name, *parts)
