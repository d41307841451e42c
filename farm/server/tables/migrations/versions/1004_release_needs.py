"""Which packages of a release need which: rows, so that no page reads all descriptors of a release."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "1004"
down_revision = "1003"


def upgrade() -> None:
    """Make the table. Releases before this revision have no rows: their packages show no users."""
    op.create_table(
        "need",
        sa.Column("channel", sa.String(), sa.ForeignKey("channel.name"), primary_key=True),
        sa.Column("user", sa.String(), primary_key=True),
        sa.Column("provider", sa.String(), primary_key=True),
        sa.Column("since", sa.Integer(), primary_key=True),
        sa.Column("until", sa.Integer()),
        sa.Index("ix_need_provider", "channel", "provider", "user"),
        sa.Index("ix_need_since", "channel", "since"),
        sa.Index("ix_need_until", "channel", "until"),
    )
