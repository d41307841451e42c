"""The first schema: recipes, jobs, packages, identities, audit, candidates and releases, all empty."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from farm.server.tables.columns import UtcDateTime

revision = "0001"
down_revision = None


def upgrade() -> None:  # noqa: PLR0915  (one statement for each table and index)
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("allowed", sa.Boolean(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("trace", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
    )
    op.create_index("ix_audit_actor", "audit", ["actor", "id"], unique=False)
    op.create_index("ix_audit_at", "audit", ["at"], unique=False)
    op.create_table(
        "channel",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("frozen_at", UtcDateTime(), nullable=True),
        sa.Column("frozen_why", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_channel"),
    )
    op.create_table(
        "plan",
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_plan"),
    )
    op.create_index("ix_plan_name", "plan", ["name"], unique=False)
    op.create_table(
        "submission",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("submitted_by", sa.String(), nullable=False),
        sa.Column("submitted_at", UtcDateTime(), nullable=False),
        sa.Column("trace", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_submission"),
    )
    op.create_index("ix_submission_trace", "submission", ["trace"], unique=False)
    op.create_table(
        "test",
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("test", sa.String(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_test"),
    )
    op.create_index("ix_test_subject", "test", ["subject"], unique=False)
    op.create_table(
        "token",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("revoked_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint("role IN ('maintainer', 'curator', 'admin')", name="ck_token_role"),
        sa.PrimaryKeyConstraint("id", name="pk_token"),
        sa.UniqueConstraint("digest", name="uq_token_digest"),
    )
    op.create_table(
        "worker",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("public_key", sa.String(), nullable=False),
        sa.Column("builds", sa.Boolean(), nullable=False),
        sa.Column("tests", sa.Boolean(), nullable=False),
        sa.Column("enrolled_by", sa.String(), nullable=False),
        sa.Column("enrolled_at", UtcDateTime(), nullable=False),
        sa.Column("revoked_at", UtcDateTime(), nullable=True),
        sa.Column("seen_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("name", name="pk_worker"),
        sa.UniqueConstraint("public_key", name="uq_worker_public_key"),
    )
    op.create_table(
        "candidate",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("set_digest", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("decided_at", UtcDateTime(), nullable=True),
        sa.Column("trace", sa.String(), nullable=False),
        sa.CheckConstraint(
            "state IN ('open', 'passed', 'refused', 'released', 'superseded')", name="ck_candidate_state"
        ),
        sa.ForeignKeyConstraint(["channel"], ["channel.name"], name="fk_candidate_channel"),
        sa.PrimaryKeyConstraint("id", name="pk_candidate"),
    )
    op.create_index("ix_candidate_channel", "candidate", ["channel", "id"], unique=False)
    op.create_index("ix_candidate_set", "candidate", ["channel", "set_digest"], unique=False)
    op.create_index("ix_candidate_trace", "candidate", ["trace"], unique=False)
    op.create_table(
        "nonce",
        sa.Column("worker", sa.String(), nullable=False),
        sa.Column("nonce", sa.String(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["worker"], ["worker.name"], name="fk_nonce_worker"),
        sa.PrimaryKeyConstraint("worker", "nonce", name="pk_nonce"),
    )
    op.create_index("ix_nonce_expires_at", "nonce", ["expires_at"], unique=False)
    op.create_table(
        "recipe_revision",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("licence", sa.String(), nullable=False),
        sa.Column("toolchain", sa.String(), nullable=False),
        sa.Column("files", sa.String(), nullable=False),
        sa.Column("submission_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["submission_id"], ["submission.id"], name="fk_recipe_revision_submission_id"),
        sa.PrimaryKeyConstraint("id", name="pk_recipe_revision"),
        sa.UniqueConstraint("digest", name="uq_recipe_revision_digest"),
    )
    op.create_index("ix_recipe_revision_name", "recipe_revision", ["name"], unique=False)
    op.create_index("ix_recipe_revision_submission_id", "recipe_revision", ["submission_id"], unique=False)
    op.create_table(
        "excuse",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("candidate_id", sa.Integer(), nullable=False),
        sa.Column("package", sa.String(), nullable=False),
        sa.Column("gate", sa.String(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["candidate_id"], ["candidate.id"], name="fk_excuse_candidate_id"),
        sa.PrimaryKeyConstraint("id", name="pk_excuse"),
    )
    op.create_index("ix_excuse_candidate_id", "excuse", ["candidate_id"], unique=False)
    op.create_index("ix_excuse_package", "excuse", ["package"], unique=False)
    op.create_table(
        "gate_result",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("candidate_id", sa.Integer(), nullable=False),
        sa.Column("gate", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("state IN ('pending', 'passed', 'failed')", name="ck_gate_result_state"),
        sa.ForeignKeyConstraint(["candidate_id"], ["candidate.id"], name="fk_gate_result_candidate_id"),
        sa.PrimaryKeyConstraint("id", name="pk_gate_result"),
        sa.UniqueConstraint("candidate_id", "gate", name="uq_gate_result_candidate_id_gate"),
    )
    op.create_table(
        "job",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("revision_id", sa.Integer(), nullable=True),
        sa.Column("submission_id", sa.Integer(), nullable=True),
        sa.Column("subject", sa.String(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("lost", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.Column("rung_at", UtcDateTime(), nullable=True),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.Column("answered_by", sa.Integer(), nullable=True),
        sa.Column("error_code", sa.String(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("trace", sa.String(), nullable=False),
        sa.CheckConstraint("kind IN ('build', 'test')", name="ck_job_kind"),
        sa.CheckConstraint(
            "state IN ('waiting', 'blocked', 'ready', 'leased', 'running', 'succeeded', 'failed', 'cancelled')",
            name="ck_job_state",
        ),
        sa.ForeignKeyConstraint(["answered_by"], ["job.id"], name="fk_job_answered_by"),
        sa.ForeignKeyConstraint(["revision_id"], ["recipe_revision.id"], name="fk_job_revision_id"),
        sa.ForeignKeyConstraint(["submission_id"], ["submission.id"], name="fk_job_submission_id"),
        sa.PrimaryKeyConstraint("id", name="pk_job"),
    )
    op.create_index("ix_job_claim", "job", ["state", "priority", "id"], unique=False)
    op.create_index("ix_job_name", "job", ["name", "id"], unique=False)
    op.create_index("ix_job_revision_id", "job", ["revision_id"], unique=False)
    op.create_index("ix_job_state", "job", ["state", "id"], unique=False)
    op.create_index("ix_job_subject", "job", ["subject", "state"], unique=False)
    op.create_index("ix_job_submission_id", "job", ["submission_id"], unique=False)
    op.create_index("ix_job_trace", "job", ["trace"], unique=False)
    op.create_index(
        "uq_job_active_subject",
        "job",
        ["subject"],
        unique=True,
        sqlite_where=sa.text("state IN ('ready', 'leased', 'running')"),
        postgresql_where=sa.text("state IN ('ready', 'leased', 'running')"),
    )
    op.create_table(
        "recipe",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("current_id", sa.Integer(), nullable=False),
        sa.Column("built_id", sa.Integer(), nullable=True),
        sa.Column("built_plan", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["built_id"], ["recipe_revision.id"], name="fk_recipe_built_id"),
        sa.ForeignKeyConstraint(["built_plan"], ["plan.digest"], name="fk_recipe_built_plan"),
        sa.ForeignKeyConstraint(["current_id"], ["recipe_revision.id"], name="fk_recipe_current_id"),
        sa.PrimaryKeyConstraint("name", name="pk_recipe"),
    )
    op.create_index("ix_recipe_built_id", "recipe", ["built_id"], unique=False)
    op.create_index("ix_recipe_built_plan", "recipe", ["built_plan"], unique=False)
    op.create_index("ix_recipe_current_id", "recipe", ["current_id"], unique=False)
    op.create_table(
        "release",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("candidate_id", sa.Integer(), nullable=True),
        sa.Column("set_digest", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("previous", sa.String(), nullable=False),
        sa.Column("released_at", UtcDateTime(), nullable=False),
        sa.Column("published_at", UtcDateTime(), nullable=True),
        sa.Column("trace", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["candidate_id"], ["candidate.id"], name="fk_release_candidate_id"),
        sa.ForeignKeyConstraint(["channel"], ["channel.name"], name="fk_release_channel"),
        sa.PrimaryKeyConstraint("id", name="pk_release"),
        sa.UniqueConstraint("channel", "number", name="uq_release_channel_number"),
        sa.UniqueConstraint("digest", name="uq_release_digest"),
    )
    op.create_index("ix_release_candidate_id", "release", ["candidate_id"], unique=False)
    op.create_table(
        "attempt",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("job_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("worker", sa.String(), nullable=False),
        sa.Column("token_digest", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("claimed_at", UtcDateTime(), nullable=False),
        sa.Column("heartbeat_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.Column("log_size", sa.BigInteger(), nullable=False),
        sa.Column("log_digest", sa.String(), nullable=False),
        sa.Column("error_code", sa.String(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "state IN ('leased', 'running', 'succeeded', 'failed', 'lost', 'released', 'cancelled')",
            name="ck_attempt_state",
        ),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name="fk_attempt_job_id"),
        sa.ForeignKeyConstraint(["worker"], ["worker.name"], name="fk_attempt_worker"),
        sa.PrimaryKeyConstraint("id", name="pk_attempt"),
        sa.UniqueConstraint("job_id", "number", name="uq_attempt_job_id_number"),
        sa.UniqueConstraint("token_digest", name="uq_attempt_token_digest"),
    )
    op.create_index("ix_attempt_expiry", "attempt", ["state", "expires_at"], unique=False)
    op.create_index("ix_attempt_worker", "attempt", ["worker", "id"], unique=False)
    op.create_index(
        "uq_attempt_live_job",
        "attempt",
        ["job_id"],
        unique=True,
        sqlite_where=sa.text("state IN ('leased', 'running')"),
        postgresql_where=sa.text("state IN ('leased', 'running')"),
    )
    op.create_table(
        "candidate_test",
        sa.Column("candidate_id", sa.Integer(), nullable=False),
        sa.Column("job_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["candidate_id"], ["candidate.id"], name="fk_candidate_test_candidate_id"),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name="fk_candidate_test_job_id"),
        sa.PrimaryKeyConstraint("candidate_id", "job_id", name="pk_candidate_test"),
    )
    op.create_index("ix_candidate_test_job_id", "candidate_test", ["job_id"], unique=False)
    op.create_table(
        "job_need",
        sa.Column("job_id", sa.Integer(), nullable=False),
        sa.Column("recipe", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name="fk_job_need_job_id"),
        sa.PrimaryKeyConstraint("job_id", "recipe", name="pk_job_need"),
    )
    op.create_index("ix_job_need_recipe", "job_need", ["recipe", "job_id"], unique=False)
    op.create_table(
        "outbox",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("task", sa.String(), nullable=False),
        sa.Column("job_id", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("sent_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name="fk_outbox_job_id"),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
    )
    op.create_index("ix_outbox_job_id", "outbox", ["job_id"], unique=False)
    op.create_index("ix_outbox_sent_at", "outbox", ["sent_at"], unique=False)
    op.create_index(
        "ix_outbox_unsent",
        "outbox",
        ["id"],
        unique=False,
        sqlite_where=sa.text("sent_at IS NULL"),
        postgresql_where=sa.text("sent_at IS NULL"),
    )
    op.create_table(
        "recipe_need",
        sa.Column("recipe", sa.String(), nullable=False),
        sa.Column("needs", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["recipe"], ["recipe.name"], name="fk_recipe_need_recipe"),
        sa.PrimaryKeyConstraint("recipe", "needs", name="pk_recipe_need"),
    )
    op.create_index("ix_recipe_need_needs", "recipe_need", ["needs", "recipe"], unique=False)
    op.create_table(
        "recipe_output",
        sa.Column("package", sa.String(), nullable=False),
        sa.Column("recipe", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["recipe"], ["recipe.name"], name="fk_recipe_output_recipe"),
        sa.PrimaryKeyConstraint("package", name="pk_recipe_output"),
    )
    op.create_index("ix_recipe_output_recipe", "recipe_output", ["recipe"], unique=False)
    op.create_table(
        "package",
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("descriptor_size", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("platform", sa.String(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("licence", sa.String(), nullable=False),
        sa.Column("tree", sa.String(), nullable=False),
        sa.Column("archive", sa.String(), nullable=False),
        sa.Column("archive_size", sa.BigInteger(), nullable=False),
        sa.Column("manifest_size", sa.BigInteger(), nullable=False),
        sa.Column("facts", sa.String(), nullable=False),
        sa.Column("facts_size", sa.BigInteger(), nullable=False),
        sa.Column("provenance", sa.String(), nullable=False),
        sa.Column("provenance_size", sa.BigInteger(), nullable=False),
        sa.Column("plan", sa.String(), nullable=False),
        sa.Column("recipe", sa.String(), nullable=False),
        sa.Column("attempt_id", sa.Integer(), nullable=False),
        sa.Column("built_by", sa.String(), nullable=False),
        sa.Column("built_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["attempt_id"], ["attempt.id"], name="fk_package_attempt_id"),
        sa.ForeignKeyConstraint(["built_by"], ["worker.name"], name="fk_package_built_by"),
        sa.ForeignKeyConstraint(["plan"], ["plan.digest"], name="fk_package_plan"),
        sa.ForeignKeyConstraint(["recipe"], ["recipe_revision.digest"], name="fk_package_recipe"),
        sa.PrimaryKeyConstraint("digest", name="pk_package"),
    )
    op.create_index("ix_package_attempt_id", "package", ["attempt_id"], unique=False)
    op.create_index("ix_package_built_at", "package", ["built_at"], unique=False)
    op.create_index("ix_package_name", "package", ["name", "digest"], unique=False)
    op.create_index("ix_package_plan", "package", ["plan"], unique=False)
    op.create_index("ix_package_recipe", "package", ["recipe"], unique=False)
    op.create_index("ix_package_tree", "package", ["tree"], unique=False)
    op.create_table(
        "candidate_member",
        sa.Column("candidate_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("package", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["candidate_id"], ["candidate.id"], name="fk_candidate_member_candidate_id"),
        sa.ForeignKeyConstraint(["package"], ["package.digest"], name="fk_candidate_member_package"),
        sa.PrimaryKeyConstraint("candidate_id", "name", name="pk_candidate_member"),
    )
    op.create_index("ix_candidate_member_package", "candidate_member", ["package"], unique=False)
    op.create_table(
        "release_member",
        sa.Column("release_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("package", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["package"], ["package.digest"], name="fk_release_member_package"),
        sa.ForeignKeyConstraint(["release_id"], ["release.id"], name="fk_release_member_release_id"),
        sa.PrimaryKeyConstraint("release_id", "name", name="pk_release_member"),
    )
    op.create_index("ix_release_member_package", "release_member", ["package"], unique=False)
