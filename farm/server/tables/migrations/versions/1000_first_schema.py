"""The first schema: every table, empty. A key comes first, then what refers to others, then the rest by type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from alembic import op

from farm.server.tables.columns import UtcDateTime

if TYPE_CHECKING:
    from collections.abc import Iterator

revision = "1000"
down_revision = None


_KINDS = {
    "big_integer": sa.BigInteger,
    "boolean": sa.Boolean,
    "integer": sa.Integer,
    "string": sa.String,
    "text": sa.Text,
    "time": UtcDateTime,
}


def _required(**columns: str) -> Iterator[sa.Column[Any]]:
    """Yield the columns that are named for each kind."""
    return (sa.Column(name, _KINDS[kind](), nullable=False) for kind in columns for name in columns[kind].split())


def _optional(**columns: str) -> Iterator[sa.Column[Any]]:
    return (sa.Column(name, _KINDS[kind]()) for kind in columns for name in columns[kind].split())


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
        *_required(text="body", string="severity added_by", time="modified_at"),
        *_optional(time="withdrawn_at"),
    ),
    "audit": (
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("at", UtcDateTime(), index=True, nullable=False),
        *_required(string="actor action subject address trace channel", boolean="allowed", text="detail"),
        sa.Index("ix_audit_actor", "actor", "id"),
        sa.Index("ix_audit_channel", "channel", "id"),
    ),
    "channel": (
        sa.Column("name", sa.String(), primary_key=True),
        *_required(text="policy trouble unsigned halted"),
        *_optional(time="frozen_at frozen_until"),
        *_required(string="frozen_why frozen_by", integer="tests_seen"),
    ),
    "import_trouble": (
        sa.Column("distribution", sa.String(), primary_key=True),
        *_required(text="why", time="since"),
    ),
    "imported_advisories": (
        sa.Column("distribution", sa.String(), primary_key=True),
        *_required(string="root", text="advisories statements", time="seen_at"),
    ),
    "imported_release": (
        sa.Column("id", sa.Integer(), primary_key=True),
        *_required(string="digest distribution channel root address", integer="number", time="seen_at", text="shown"),
        sa.Index("ix_imported_release_digest", "digest", "id"),
        sa.Index("ix_imported_release_newest", "distribution", "channel", "root", "id"),
    ),
    "ownership": (
        sa.Column("id", sa.Integer(), primary_key=True),
        *_optional(text="owners"),
        *_required(text="curators trouble"),
    ),
    "plan": (
        sa.Column("digest", sa.String(), primary_key=True),
        sa.Column("name", sa.String(), index=True, nullable=False),
        *_required(text="body", integer="build"),
    ),
    "review": (
        sa.Column("package", sa.String(), primary_key=True),
        sa.Column("source", sa.String(), primary_key=True),
        *_required(time="at stated_at", string="stated_by"),
    ),
    "submission": (
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("trace", sa.String(), index=True, nullable=False),
        sa.Column("state", sa.String(), server_default="taken", nullable=False),
        *_required(string="submitted_by", time="submitted_at"),
        _one_of("state", "taken", "waiting", "withdrawn"),
        sa.Index("ix_submission_state", "state", "id"),
    ),
    "test": (
        sa.Column("digest", sa.String(), primary_key=True),
        sa.Column("subject", sa.String(), index=True, nullable=False),
        *_required(string="test", text="body"),
    ),
    "token": (
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("digest", sa.String(), unique=True, nullable=False),
        *_required(string="name role", time="created_at expires_at"),
        *_optional(time="revoked_at"),
        _one_of("role", "maintainer", "curator", "admin"),
    ),
    "unsigned_word": (
        sa.Column("digest", sa.String(), primary_key=True),
        *_required(string="description"),
    ),
    "vex": (
        sa.Column("id", sa.Integer(), primary_key=True),
        *_required(string="vulnerability package version status justification stated_by", text="statement", time="at"),
        _one_of("status", "not_affected", "affected", "fixed", "under_investigation"),
        sa.Index("ix_vex_package", "package", "vulnerability"),
    ),
    "wanted_archive": (
        sa.Column("archive", sa.String(), primary_key=True),
        *_required(big_integer="size", string="name address"),
    ),
    "who_orders": (
        sa.Column("id", sa.Integer(), primary_key=True),
        *_required(text="people"),
    ),
    "worker": (
        sa.Column("name", sa.String(), primary_key=True),
        sa.Column("public_key", sa.String(), unique=True, nullable=False),
        *_required(boolean="builds tests", string="enrolled_by", time="enrolled_at"),
        *_optional(time="revoked_at seen_at"),
    ),
    "advisory_package": (
        sa.Column("package", sa.String(), primary_key=True),
        sa.Column("advisory", sa.String(), sa.ForeignKey("advisory.id"), primary_key=True, index=True),
    ),
    "approval": (
        sa.Column("channel", sa.String(), sa.ForeignKey("channel.name"), primary_key=True),
        sa.Column("package", sa.String(), primary_key=True),
        sa.Column("curator", sa.String(), primary_key=True),
        *_required(text="envelope", time="at"),
    ),
    "candidate": (
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("channel", sa.String(), sa.ForeignKey("channel.name"), nullable=False),
        sa.Column("trace", sa.String(), index=True, nullable=False),
        *_required(
            string="set_digest origin from_channel testers_mark state",
            integer="base_number from_number tests_mark",
            text="reason",
            time="created_at",
        ),
        *_optional(time="decided_at"),
        _one_of("origin", "collected", "promotion", "rollback", "retry"),
        _one_of("state", "open", "passed", "refused", "released", "superseded"),
        sa.Index("ix_candidate_channel", "channel", "id"),
        sa.Index("ix_candidate_set", "channel", "set_digest"),
    ),
    "hold": (
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("channel", sa.String(), sa.ForeignKey("channel.name"), nullable=False),
        *_required(string="package held_by lifted_by", text="reason", time="at"),
        *_optional(time="until lifted_at"),
        sa.Index("ix_hold_channel", "channel", "package"),
    ),
    "imported_package": (
        sa.Column("release_id", sa.Integer(), sa.ForeignKey("imported_release.id"), primary_key=True),
        sa.Column("name", sa.String(), primary_key=True),
        *_required(
            string="descriptor version tree facts archive",
            integer="descriptor_size revision",
            big_integer="manifest_size facts_size archive_size",
            text="needs",
        ),
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
        *_required(string="version license toolchain files", integer="revision", text="summary"),
    ),
    "recipe_signature": (
        sa.Column("recipe", sa.String(), primary_key=True),
        sa.Column("envelope", sa.String(), primary_key=True, index=True),
        sa.Column("submission_id", sa.Integer(), sa.ForeignKey("submission.id"), index=True, nullable=False),
        *_required(string="person", time="signed_at"),
    ),
    "report": (
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("channel", sa.String(), sa.ForeignKey("channel.name"), nullable=False),
        *_required(string="package reported_by resolved_by", text="reason", time="at"),
        *_optional(time="resolved_at delivered_at"),
        sa.Index("ix_report_package", "package", "channel"),
    ),
    "submitted_recipe": (
        sa.Column("submission_id", sa.Integer(), sa.ForeignKey("submission.id"), primary_key=True),
        sa.Column("name", sa.String(), primary_key=True),
        *_required(string="digest files"),
    ),
    "candidate_import": (
        sa.Column("candidate_id", sa.Integer(), sa.ForeignKey("candidate.id"), primary_key=True),
        sa.Column("name", sa.String(), primary_key=True),
        *_optional(string="before after"),
        *_required(string="atom state"),
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
        *_required(string="kind ordered_by", text="detail reason outcome", time="at"),
        *_optional(time="done_at", string="ending"),
        _one_of("ending", "released", "refused", "nothing-to-do", "withdrawn"),
        _one_of("kind", "promote", "rollback", "retry"),
        sa.Index("ix_curator_order_open", "channel", "done_at", "id"),
    ),
    "gate_result": (
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("candidate_id", sa.Integer(), sa.ForeignKey("candidate.id"), nullable=False),
        *_required(string="gate state", text="detail", time="at"),
        sa.UniqueConstraint("candidate_id", "gate"),
        _one_of("state", "pending", "passed", "failed"),
    ),
    "job": (
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("revision_id", sa.Integer(), sa.ForeignKey("recipe_revision.id"), index=True),
        sa.Column("submission_id", sa.Integer(), sa.ForeignKey("submission.id"), index=True),
        sa.Column("answered_by", sa.Integer(), sa.ForeignKey("job.id")),
        sa.Column("trace", sa.String(), index=True, nullable=False),
        *_required(string="kind name state trouble error_code"),
        *_optional(string="subject"),
        *_required(boolean="rebuild", integer="priority lost troubles"),
        *_optional(time="not_before elsewhere_until notified_at finished_at"),
        *_required(time="created_at changed_at", text="error"),
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
        *_required(integer="number packages", string="set_digest previous trace", time="released_at"),
        *_optional(time="published_at"),
        sa.UniqueConstraint("channel", "number"),
    ),
    "set_run": (
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("candidate_id", sa.Integer(), sa.ForeignKey("candidate.id"), nullable=False),
        *_required(string="set_digest purpose state", integer="atoms tests", text="detail", time="started_at"),
        *_optional(time="ended_at"),
        _one_of("state", "pending", "green", "red"),
        _one_of("purpose", "search", "retry", "evidence"),
        sa.UniqueConstraint("candidate_id", "set_digest"),
    ),
    "attempt": (
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("job_id", sa.Integer(), sa.ForeignKey("job.id"), nullable=False),
        sa.Column("worker", sa.String(), sa.ForeignKey("worker.name"), nullable=False),
        sa.Column("token_digest", sa.String(), unique=True, nullable=False),
        *_required(
            integer="number",
            string="state log_digest error_code trouble attestation tester",
            time="claimed_at heartbeat_at expires_at",
        ),
        *_optional(time="finished_at"),
        *_required(big_integer="log_size", text="error outcome"),
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
        *_required(string="package soname", text="body outcome"),
    ),
    "excuse": (
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("channel", sa.String(), sa.ForeignKey("channel.name"), nullable=False),
        sa.Column("candidate_id", sa.Integer(), sa.ForeignKey("candidate.id"), index=True, nullable=False),
        sa.Column("job_id", sa.Integer(), sa.ForeignKey("job.id"), index=True),
        *_required(
            string="package digest version gate root owner cleared_by",
            text="reason line partners evidence remedy",
            boolean="under_way",
            time="since",
        ),
        *_optional(time="until cleared_at"),
        sa.Index("ix_excuse_open", "channel", "cleared_at"),
        sa.Index("ix_excuse_package", "package", "channel"),
        sa.Index("ix_excuse_until", "until"),
    ),
    "flaky_test": (
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("failed_job", sa.Integer(), sa.ForeignKey("job.id"), nullable=False),
        sa.Column("passed_job", sa.Integer(), sa.ForeignKey("job.id"), nullable=False),
        *_required(string="recipe test version", time="seen_at expires_at"),
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
        *_required(boolean="stays"),
    ),
    "outbox": (
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("job_id", sa.Integer(), sa.ForeignKey("job.id"), index=True, nullable=False),
        sa.Column("sent_at", UtcDateTime(), index=True),
        *_required(string="task", time="created_at"),
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
        *_required(string="channel act curator", text="envelope refused", time="at"),
        *_optional(time="delivered_at"),
        sa.Index("ix_signed_order_delivered", "delivered_at", "at"),
    ),
    "difference": (
        sa.Column("plan", sa.String(), sa.ForeignKey("plan.digest"), primary_key=True),
        sa.Column("built_by", sa.String(), sa.ForeignKey("worker.name"), primary_key=True),
        sa.Column("attempt_id", sa.Integer(), sa.ForeignKey("attempt.id"), index=True, nullable=False),
        *_required(text="detail", time="at"),
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
        *_required(
            integer="descriptor_size revision build",
            string="name version platform license archive facts provenance sbom",
            text="summary",
            big_integer="archive_size manifest_size facts_size provenance_size sbom_size",
        ),
        sa.Index("ix_package_name", "name", "digest"),
    ),
    "attestation": (
        sa.Column("package", sa.String(), sa.ForeignKey("package.digest"), primary_key=True),
        sa.Column("built_by", sa.String(), sa.ForeignKey("worker.name"), primary_key=True),
        sa.Column("attempt_id", sa.Integer(), sa.ForeignKey("attempt.id"), index=True, nullable=False),
        sa.Column("at", UtcDateTime(), index=True, nullable=False),
        *_required(string="provenance", big_integer="provenance_size"),
    ),
    "candidate_change": (
        sa.Column("candidate_id", sa.Integer(), sa.ForeignKey("candidate.id"), primary_key=True),
        sa.Column("name", sa.String(), primary_key=True),
        sa.Column("before", sa.String(), sa.ForeignKey("package.digest")),
        sa.Column("after", sa.String(), sa.ForeignKey("package.digest"), index=True),
        *_required(string="atom state"),
        _one_of("state", "wanted", "accepted", "held", "waiting"),
    ),
    "consumed": (
        sa.Column("package", sa.String(), sa.ForeignKey("package.digest"), primary_key=True),
        sa.Column("library", sa.String(), primary_key=True, index=True),
        sa.Column("kind", sa.String(), primary_key=True),
        *_required(string="tree"),
        _one_of("kind", "static", "headers", "unknown"),
    ),
    "membership": (
        sa.Column("channel", sa.String(), sa.ForeignKey("channel.name"), primary_key=True),
        sa.Column("name", sa.String(), primary_key=True),
        sa.Column("since", sa.Integer(), primary_key=True),
        sa.Column("package", sa.String(), sa.ForeignKey("package.digest"), nullable=False),
        *_optional(integer="until"),
        sa.Index("ix_membership_package", "package", "channel"),
        sa.Index("ix_membership_since", "channel", "since"),
        sa.Index("ix_membership_until", "channel", "until"),
    ),
}


def upgrade() -> None:
    for name, parts in _TABLES.items():
        op.create_table(name, *parts)
