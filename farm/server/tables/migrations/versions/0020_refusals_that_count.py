"""Refusals that still count are found by their time: a channel has few of them, and excuses without end."""

from __future__ import annotations

from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    op.create_index("ix_excuse_until", "excuse", ["until"])
