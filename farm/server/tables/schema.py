"""Bringing a database to the schema of this program, by the migrations that ship inside the package."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from farm.errors import FarmError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from farm.server.tables.session import Database

_MIGRATION_LOCK = 0x6D696772


class SchemaTooNewError(FarmError):
    """The database was migrated by a newer program than this one."""

    code = "schema-too-new"
    exit_status = os.EX_CONFIG  # to be started again would not help

    def __init__(self, found: str) -> None:
        super().__init__(
            f"the database has schema {found}, which this program does not know",
            remedy="Run the newer version of farm that made it, or restore the backup that belongs to this version.",
        )


def migrate(database: Database) -> None:
    """Bring the schema up to date in one transaction; an interrupted migration leaves the old schema.

    Processes that migrate at once wait for each other. Raises `SchemaTooNewError`.
    """
    with database.connection() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
        config = _config()
        current = _current(connection)
        if current and current not in {
            script.revision for script in ScriptDirectory.from_config(config).walk_revisions()
        }:
            raise SchemaTooNewError(current)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def schema_of(database: Database) -> str:
    """Return the schema's revision, or an empty text when there is none yet."""
    with database.connection() as connection:
        return _current(connection)


def _current(connection: Connection) -> str:
    return MigrationContext.configure(connection).get_current_revision() or ""


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    return config
