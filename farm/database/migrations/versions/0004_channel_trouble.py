"""A channel whose file cannot be read waits, and says why."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("channel", sa.Column("trouble", sa.Text(), nullable=False, server_default=""))
