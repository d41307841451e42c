"""What shows that another distribution has signed a release; and why a channel stands still."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    op.add_column("foreign_release", sa.Column("shown", sa.Text(), nullable=False, server_default=""))
    op.add_column("channel", sa.Column("halted", sa.Text(), nullable=False, server_default=""))
