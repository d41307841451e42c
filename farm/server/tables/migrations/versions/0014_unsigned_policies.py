"""In which points the file of a channel asks for less than what is signed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.add_column("channel", sa.Column("unsigned", sa.Text(), nullable=False, server_default=""))
