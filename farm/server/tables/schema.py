"""Migrates a database to the schema of this program, by the migrations that are part of the package."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import inspect, text

from farm.errors import FarmError
from farm.server.tables import (  # noqa: F401  (each adds its tables to `METADATA`)
    curation_rows,
    git_rows,
    identity_rows,
    import_rows,
    job_rows,
    notification_rows,
    package_rows,
    preview_rows,
    recipe_rows,
    release_rows,
)
from farm.server.tables.columns import Row

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Connection

    from farm.server.tables.session import Database

METADATA = Row.metadata
"""Every table of the farm."""
_MIGRATION_LOCK = 0x6D696772
FIRST_SCHEMA = "1000"
"""The oldest revision that can be migrated. Previews, before the first release, had lower ones."""
NEWEST_SCHEMA = "1007"
"""The revision of this program."""


class SchemaError(FarmError):
    """The database has a schema that this program can neither use nor migrate."""

    exit_status = os.EX_CONFIG  # a restart would not help


def migrate(database: Database) -> None:
    """Bring the schema up to date in one transaction; an interrupted migration leaves the old schema.

    Processes that migrate at once wait for each other. Raises `SchemaError`.
    """
    with database.connection() as connection:
        if _revision(connection) == NEWEST_SCHEMA:
            return
    from alembic import command  # noqa: PLC0415  needed once for each release, and slow to import

    config = alembic_config()
    with database.connection() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
        _check_known(_revision(connection), config)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def alembic_config() -> Config:
    """Return where Alembic finds the migrations."""
    from alembic.config import Config  # noqa: PLC0415  slow to import

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    return config


def _check_known(revision: str, config: Config) -> None:
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if not revision or revision in known:
        return
    if revision < FIRST_SCHEMA:
        raise SchemaError(
            f"the database was made by a development version of farm (schema {revision}), and this release reads "
            f"schemas from {FIRST_SCHEMA} on",
            remedy="Move the database, and keys/admin.token of `farm up`, out of the farm's directory, and start "
            "again: a new database adopts the published releases. To keep jobs and the audit trail, run the farm that "
            "made it.",
            code="schema-too-old",
        )
    raise SchemaError(
        f"the database has schema {revision}, which this release does not know",
        remedy="Run the newer release of farm that made it, or restore the backup that belongs to this one.",
        code="schema-too-new",
    )


def _revision(connection: Connection) -> str:
    """Return the revision of a database; empty if it has none."""
    if not inspect(connection).has_table("alembic_version"):
        return ""
    return connection.scalar(text("SELECT version_num FROM alembic_version")) or ""
