"""Alembic's entry: runs the migrations on the connection that `farm.server.tables.schema` hands over."""

from __future__ import annotations

from alembic import context

from farm.server.tables.schema import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    # The caller's transaction holds the whole migration: all of it happens, or nothing.
    transaction_per_migration=False,
)
context.run_migrations()
