"""Which packages were looked at for vulnerabilities, against which source, and when."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from farm.server.tables.columns import UtcDateTime

revision = "0017"
down_revision = "0014"


def upgrade() -> None:
    op.create_table(
        "review",
        sa.Column("package", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("stated_by", sa.String(), nullable=False),
        sa.Column("stated_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("package", "source", name="pk_review"),
    )
