"""Previews of submissions: their rows, the two more states of a submission, and the jobs that are a preview's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from alembic import op

from farm.server.tables.columns import UtcDateTime

if TYPE_CHECKING:
    from collections.abc import Iterator

revision = "1003"
down_revision = "1002"

_STATES = "state IN ('taken', 'waiting', 'preview', 'withdrawn', 'expired')"
_ACTIVE = "state IN ('ready', 'leased', 'running')"


def upgrade() -> None:
    _allow_states()
    op.add_column("job", sa.Column("preview", sa.Integer(), nullable=False, server_default="0"))
    op.drop_index("uq_job_active_subject", "job")
    where: dict[str, Any] = {"sqlite_where": sa.text(_ACTIVE), "postgresql_where": sa.text(_ACTIVE)}
    op.create_index("uq_job_active_subject", "job", ["subject", "preview"], unique=True, **where)
    op.create_index("ix_job_preview", "job", ["preview", "state"])
    op.create_table(
        "preview",
        sa.Column("submission_id", sa.Integer(), sa.ForeignKey("submission.id"), primary_key=True),
        sa.Column("expires_at", UtcDateTime(), index=True, nullable=False),
        sa.Column("removed_at", UtcDateTime()),
        *_required(sa.String, "channel release"),
        *_required(sa.Text, "origin verdict"),
    )
    op.create_table(
        "preview_recipe",
        sa.Column("preview", sa.Integer(), sa.ForeignKey("preview.submission_id"), primary_key=True),
        sa.Column("name", sa.String(), primary_key=True),
        sa.Column("current_id", sa.Integer(), sa.ForeignKey("recipe_revision.id"), index=True, nullable=False),
        sa.Column("built_id", sa.Integer(), sa.ForeignKey("recipe_revision.id")),
        sa.Column("built_plan", sa.String(), sa.ForeignKey("plan.digest")),
        sa.Column("newest_plan", sa.String()),
        sa.Column("base_id", sa.Integer(), sa.ForeignKey("recipe_revision.id")),
    )
    op.create_table(
        "preview_package",
        sa.Column("preview", sa.Integer(), sa.ForeignKey("preview.submission_id"), primary_key=True),
        sa.Column("digest", sa.String(), primary_key=True),
        sa.Column("tree", sa.String(), index=True, nullable=False),
        sa.Column("plan", sa.String(), sa.ForeignKey("plan.digest"), index=True, nullable=False),
        sa.Column("recipe", sa.String(), sa.ForeignKey("recipe_revision.digest"), index=True, nullable=False),
        sa.Column("attempt_id", sa.Integer(), sa.ForeignKey("attempt.id"), index=True, nullable=False),
        sa.Column("built_by", sa.String(), sa.ForeignKey("worker.name"), nullable=False),
        sa.Column("built_at", UtcDateTime(), index=True, nullable=False),
        sa.Column("same_as", sa.String(), index=True, nullable=False),
        *_required(sa.String, "name version platform license archive facts provenance sbom"),
        *_required(sa.Text, "summary consumed"),
        *_required(sa.Integer, "descriptor_size revision build"),
        *_required(sa.BigInteger, "archive_size manifest_size facts_size provenance_size sbom_size"),
        sa.Index("ix_preview_package_name", "name", "preview"),
    )


def _required(kind: Any, names: str) -> Iterator[sa.Column[Any]]:
    return (sa.Column(name, kind(), nullable=False) for name in names.split())


def _allow_states() -> None:
    """Let submissions have the new states too. SQLite changes no constraint of a table: the table is made anew."""
    if op.get_bind().dialect.name != "sqlite":
        op.drop_constraint("state", "submission", type_="check")
        op.create_check_constraint("state", "submission", _STATES)
        return
    # Rows of other tables refer to these: they find them again before the transaction ends.
    op.execute("PRAGMA defer_foreign_keys = ON")
    op.execute("CREATE TABLE submission_before AS SELECT * FROM submission")
    op.drop_table("submission")
    op.create_table(
        "submission",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("trace", sa.String(), index=True, nullable=False),
        sa.Column("state", sa.String(), server_default="taken", nullable=False),
        sa.Column("submitted_by", sa.String(), nullable=False),
        sa.Column("submitted_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint(_STATES, "state"),
        sa.Index("ix_submission_state", "state", "id"),
    )
    columns = "id, trace, state, submitted_by, submitted_at"
    op.execute(f"INSERT INTO submission ({columns}) SELECT {columns} FROM submission_before")  # noqa: S608
    op.drop_table("submission_before")
