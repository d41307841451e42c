"""The first error of failed attempts and in excuses, and the files of packages that builds look for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "1002"
down_revision = "1001"


def upgrade() -> None:
    for table in ("attempt", "excuse"):
        op.add_column(table, sa.Column("first_error", sa.Text(), nullable=False, server_default=""))
    op.create_table(
        "provided_file",
        sa.Column("path", sa.String(), primary_key=True),
        sa.Column("package", sa.String(), primary_key=True),
    )
