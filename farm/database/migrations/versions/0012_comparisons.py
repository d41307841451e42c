"""Comparisons of the interfaces of libraries: what is compared, what came of it, and jobs that do it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0008"

_BEFORE = "kind IN ('build', 'test')"
_AFTER = "kind IN ('build', 'test', 'comparison')"


def upgrade() -> None:
    op.create_table(
        "comparison",
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("package", sa.String(), nullable=False),
        sa.Column("soname", sa.String(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("job_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name="fk_comparison_job_id"),
        sa.PrimaryKeyConstraint("digest", name="pk_comparison"),
    )
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA writable_schema = ON")
        connection.execute(
            sa.text(
                "UPDATE sqlite_schema SET sql = replace(sql, :before, :after) WHERE type = 'table' AND name = 'job'"
            ),
            {"before": _BEFORE, "after": _AFTER},
        )
        version = connection.exec_driver_sql("PRAGMA schema_version").scalar_one()
        connection.exec_driver_sql(f"PRAGMA schema_version = {int(version) + 1}")
        connection.exec_driver_sql("PRAGMA writable_schema = OFF")
    else:
        op.drop_constraint("ck_job_kind", "job", type_="check")
        op.create_check_constraint("ck_job_kind", "job", _AFTER)
