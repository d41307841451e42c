"""Why another distribution that recipes take packages of cannot be followed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from farm.server.tables.columns import UtcDateTime

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "foreign_trouble",
        sa.Column("distribution", sa.String(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("distribution", name="pk_foreign_trouble"),
    )
