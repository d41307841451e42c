"""Recipes from git: repositories, received webhooks, changes, commit statuses, and the commits of recipes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from alembic import op

from farm.server.tables.columns import UtcDateTime

if TYPE_CHECKING:
    from collections.abc import Iterator

revision = "1006"
down_revision = "1004"


def upgrade() -> None:
    op.create_table(
        "git_repository",
        sa.Column("name", sa.String(), primary_key=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=False, index=True),
        sa.Column("synced_at", UtcDateTime()),
        sa.Column("delivered_at", UtcDateTime()),
        sa.Column("not_before", UtcDateTime()),
        sa.Column("retries", sa.Boolean(), nullable=False),
        *_required(sa.String, "branch path forge project secret token previews created_by head refused"),
        *_required(sa.Text, "url api members trouble"),
        *_required(sa.Integer, "failures"),
        sa.CheckConstraint("forge IN ('github', 'forgejo')", "forge"),
        sa.CheckConstraint("previews IN ('members', 'all')", "previews"),
    )
    op.create_table(
        "git_delivery",
        sa.Column("repository", sa.String(), primary_key=True),
        sa.Column("signature", sa.String(), primary_key=True),
        sa.Column("at", UtcDateTime(), nullable=False, index=True),
    )
    op.create_table(
        "git_change",
        sa.Column("repository", sa.String(), sa.ForeignKey("git_repository.name"), primary_key=True),
        sa.Column("name", sa.String(), primary_key=True),
        sa.Column("submission_id", sa.Integer(), sa.ForeignKey("submission.id"), index=True),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.Column("retry_at", UtcDateTime()),
        sa.Column("ended", sa.Boolean(), nullable=False),
        *_required(sa.String, "commit author state approved"),
        *_required(sa.Text, "detail"),
        sa.CheckConstraint(
            "state IN ('seen', 'unapproved', 'delayed', 'refused', 'empty', 'preview', 'merged')", "state"
        ),
        sa.Index("ix_git_change_state", "state", "repository"),
    )
    op.create_table(
        "commit_status",
        sa.Column("repository", sa.String(), sa.ForeignKey("git_repository.name"), primary_key=True),
        sa.Column("commit", sa.String(), primary_key=True),
        sa.Column("context", sa.String(), primary_key=True),
        sa.Column("unsure", sa.Boolean(), nullable=False),
        sa.Column("due_at", UtcDateTime(), index=True),
        sa.Column("changed_at", UtcDateTime(), nullable=False, index=True),
        *_required(sa.String, "state sent"),
        *_required(sa.Text, "description target trouble"),
        *_required(sa.Integer, "attempts"),
        sa.Index("ix_commit_status_changed", "repository", "changed_at"),
    )
    op.create_table(
        "recipe_commit",
        sa.Column("submission_id", sa.Integer(), sa.ForeignKey("submission.id"), primary_key=True),
        sa.Column("name", sa.String(), primary_key=True),
        sa.Column("commit", sa.String(), nullable=False, index=True),
        sa.Column("committed_at", UtcDateTime(), nullable=False),
        *_required(sa.Text, "url author author_email committer committer_email"),
        *_required(sa.String, "signature signer key"),
    )


def _required(kind: Any, names: str) -> Iterator[sa.Column[Any]]:
    return (sa.Column(name, kind(), nullable=False) for name in names.split())
