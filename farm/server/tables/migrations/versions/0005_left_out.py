"""What there was to be had when a channel went back to an older release stays out of it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "left_out",
        sa.Column("order_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("package", sa.String(), nullable=False),
        sa.Column("stays", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["curator_order.id"], name="fk_left_out_order_id"),
        sa.PrimaryKeyConstraint("order_id", "name", name="pk_left_out"),
    )
    op.create_index("ix_left_out_package", "left_out", ["package"], unique=False)
