"""A channel whose file cannot be read waits, and says why; lines of the audit trail are found by their channel."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("channel", sa.Column("trouble", sa.Text(), nullable=False, server_default=""))
    op.add_column("audit", sa.Column("channel", sa.String(), nullable=False, server_default=""))
    op.create_index("ix_audit_channel", "audit", ["channel", "id"], unique=False)
    connection = op.get_bind()
    for name in connection.scalars(sa.text("SELECT name FROM channel")).all():
        # So the subjects of what curators decide have always ended, or begun.
        connection.execute(
            sa.text(
                "UPDATE audit SET channel = :name "
                "WHERE subject = :whole OR subject LIKE :order OR subject LIKE :package"
            ),
            {"name": name, "whole": f"channel {name}", "order": f"channel {name}, order %", "package": f"% on {name}"},
        )
