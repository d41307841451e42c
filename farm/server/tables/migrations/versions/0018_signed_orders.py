"""What curators order, signed with their keys, on its way to the signer's ledger; who may order; what nobody signed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from farm.server.tables.columns import UtcDateTime

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    op.create_table(
        "signed_order",
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("act", sa.String(), nullable=False),
        sa.Column("curator", sa.String(), nullable=False),
        sa.Column("envelope", sa.Text(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("order_id", sa.Integer(), nullable=True),
        sa.Column("brought_at", UtcDateTime(), nullable=True),
        sa.Column("refused", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["curator_order.id"], name="fk_signed_order_order_id"),
        sa.PrimaryKeyConstraint("digest", name="pk_signed_order"),
    )
    op.create_index("ix_signed_order_brought", "signed_order", ["brought_at", "at"])
    op.create_index("ix_signed_order_order_id", "signed_order", ["order_id"])
    op.create_table(
        "who_orders",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("people", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_who_orders"),
    )
    op.create_table(
        "unsigned_word",
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("told", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_unsigned_word"),
    )
    op.add_column("report", sa.Column("brought_at", UtcDateTime(), nullable=True))
