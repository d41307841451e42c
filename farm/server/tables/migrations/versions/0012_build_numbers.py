"""Which build of a version and revision a plan is of, and which builds came to the files of an earlier one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.add_column("plan", sa.Column("build", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("package", sa.Column("build", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("package", sa.Column("same_as", sa.String(), nullable=False, server_default=""))
    op.add_column("recipe", sa.Column("newest_plan", sa.String(), nullable=True))
    op.execute("UPDATE recipe SET newest_plan = built_plan")
    op.create_index("ix_package_same_as", "package", ["same_as"])
    op.create_index("ix_recipe_newest_plan", "recipe", ["newest_plan"])
