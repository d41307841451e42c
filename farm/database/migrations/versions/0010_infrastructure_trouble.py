"""Trouble of the farm's own infrastructure: at attempts, at jobs that are tried again, and jobs that are set aside."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from farm.database.columns import UtcDateTime

revision = "0010"
down_revision = "0006"

_BEFORE = "state IN ('waiting', 'blocked', 'ready', 'leased', 'running', 'succeeded', 'failed', 'cancelled')"
_AFTER = (
    "state IN ('waiting', 'blocked', 'ready', 'leased', 'running', 'set-aside', 'succeeded', 'failed', 'cancelled')"
)


def upgrade() -> None:
    op.add_column("attempt", sa.Column("trouble", sa.String(), nullable=False, server_default=""))
    op.add_column("job", sa.Column("trouble", sa.String(), nullable=False, server_default=""))
    op.add_column("job", sa.Column("troubles", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("job", sa.Column("not_before", UtcDateTime(), nullable=True))
    op.add_column("job", sa.Column("elsewhere_until", UtcDateTime(), nullable=True))
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        _let_sqlite_allow_more(connection)
    else:
        # The rule for names is applied to this one, as it was when the table was made.
        op.drop_constraint("ck_job_state", "job", type_="check")
        op.create_check_constraint("ck_job_state", "job", _AFTER)


def _let_sqlite_allow_more(connection: sa.Connection) -> None:
    """Change the one condition in the text of the schema, as SQLite's documentation of ALTER TABLE has it.

    It cannot change a condition otherwise, but by another table in the place of `job`, to which others refer.
    """
    connection.exec_driver_sql("PRAGMA writable_schema = ON")
    changed = connection.execute(
        sa.text("UPDATE sqlite_schema SET sql = replace(sql, :before, :after) WHERE type = 'table' AND name = 'job'"),
        {"before": _BEFORE, "after": _AFTER},
    )
    if changed.rowcount != 1:
        raise LookupError("the schema has no table of jobs")
    version = connection.exec_driver_sql("PRAGMA schema_version").scalar_one()
    connection.exec_driver_sql(f"PRAGMA schema_version = {int(version) + 1}")
    connection.exec_driver_sql("PRAGMA writable_schema = OFF")
