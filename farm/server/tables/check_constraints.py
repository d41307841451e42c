"""Changing what a CHECK constraint allows: PostgreSQL replaces it, SQLite has the text of its schema changed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op


def change_condition(table: str, name: str, *, before: str, after: str) -> None:
    """Let the constraint `name` of a table have the condition `after`, which allows all that `before` allowed.

    SQLite cannot change a condition, but by another table in the place of this one, to which others refer. So it is
    changed in the text of the schema, as SQLite's documentation of ALTER TABLE has it.
    """
    connection = op.get_bind()
    if connection.dialect.name != "sqlite":
        # The rule for names is applied to this one, as it was when the table was made.
        op.drop_constraint(name, table, type_="check")
        op.create_check_constraint(name, table, after)
        return
    connection.exec_driver_sql("PRAGMA writable_schema = ON")
    changed = connection.execute(
        sa.text(
            "UPDATE sqlite_schema SET sql = replace(sql, :before, :after) "
            "WHERE type = 'table' AND name = :name AND instr(sql, :before) > 0"
        ),
        {"before": before, "after": after, "name": table},
    )
    if changed.rowcount != 1:
        raise LookupError(f"the table {table} has no condition {before}")
    version = connection.exec_driver_sql("PRAGMA schema_version").scalar_one()
    connection.exec_driver_sql(f"PRAGMA schema_version = {int(version) + 1}")
    connection.exec_driver_sql("PRAGMA writable_schema = OFF")
