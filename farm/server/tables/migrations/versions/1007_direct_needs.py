"""What each revision of a recipe names, instead of all that a recipe is built with; builds that are to be settled."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "1007"
down_revision = "1006"


def upgrade() -> None:
    """Make the rows of the current revisions from the older ones, until the recipes themselves are read.

    The older ones name recipes, each of which makes a package of its name, and have, as build-needs, also what
    build-needs require at run time.
    """
    op.add_column("recipe_revision", sa.Column("needs_kept", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_table(
        "revision_need",
        sa.Column("revision_id", sa.Integer(), sa.ForeignKey("recipe_revision.id"), primary_key=True),
        sa.Column("package", sa.String(), primary_key=True),
        sa.Column("at_build", sa.Boolean(), primary_key=True),
        sa.Index("ix_revision_need_package", "package", "at_build", "revision_id"),
    )
    op.execute(
        "INSERT INTO revision_need (revision_id, package, at_build)"
        " SELECT recipe.current_id, recipe_need.needs, TRUE FROM recipe_need"
        " JOIN recipe ON recipe.name = recipe_need.recipe"
    )
    op.drop_table("recipe_need")
    op.add_column("job", sa.Column("to_settle", sa.Boolean(), nullable=False, server_default=sa.false()))
    on_sqlite, on_postgresql = sa.text("to_settle = 1"), sa.text("to_settle")
    op.create_index("ix_job_to_settle", "job", ["id"], sqlite_where=on_sqlite, postgresql_where=on_postgresql)
