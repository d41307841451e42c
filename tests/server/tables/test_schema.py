"""The migrations make exactly the schema of the rows, all of it or nothing, even if others migrate at the same time."""

from __future__ import annotations

import os
import threading
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from farm.errors import FarmError
from farm.server.tables import schema
from farm.server.tables.job_rows import JobRow
from farm.server.tables.schema import METADATA, NEWEST_SCHEMA, migrate
from farm.server.tables.session import Database
from tests.farms.databases import MIGRATED, schemas_of
from tests.farms.small import SmallFarm, recipe
from tests.refusing import refuses


def schema_of(database: Database) -> str | None:
    with database.connection() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def test_migrations_and_rows_describe_the_same_schema(database: Database) -> None:
    with database.connection() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []


def test_the_newest_migration_is_the_one_that_the_program_expects(database: Database) -> None:
    assert schema_of(database) == NEWEST_SCHEMA
    folder = Path(schema.__file__).parent / "migrations"
    assert ScriptDirectory(str(folder)).get_current_head() == NEWEST_SCHEMA


def test_migrating_again_does_nothing(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    before = schema_of(database)
    monkeypatch.setattr(command, "upgrade", None)
    migrate(database)
    assert schema_of(database) == before


def test_a_database_of_a_newer_program_is_refused_by_name(database: Database) -> None:
    with database.connection() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with refuses("schema-too-new", "9999"):
        migrate(database)


def test_a_database_of_a_preview_is_refused_and_says_what_to_do(database: Database) -> None:
    with database.connection() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0021'"))
    with refuses("schema-too-old", "schema 0021") as refused:
        migrate(database)
    assert refused.value.exit_status == os.EX_CONFIG
    assert "Move the database, and keys/admin.token" in refused.value.remedy


def test_an_interrupted_migration_leaves_nothing_behind(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    database = Database(database_url)
    upgrade = command.upgrade

    def interrupted(*arguments: object) -> None:
        upgrade(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "upgrade", interrupted)
    with pytest.raises(KeyboardInterrupt):
        migrate(database)
    with database.connection() as connection:
        assert inspect(connection).get_table_names() == []
    monkeypatch.undo()
    migrate(database)
    assert schema_of(database)
    database.close()


def test_processes_that_migrate_at_once_wait_for_each_other(database_url: str) -> None:
    failures: list[Exception] = []

    def run() -> None:
        mine = Database(database_url)
        try:
            migrate(mine)
        except (FarmError, SQLAlchemyError) as error:
            failures.append(error)
        mine.close()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_a_job_can_be_set_aside_and_still_not_be_in_a_state_that_there_is_not(database: Database) -> None:
    def add(state: str) -> None:
        with database.write() as session:
            at = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
            session.add(JobRow(kind="build", name="a", state=state, created_at=at, changed_at=at, trace="t"))

    add("set-aside")
    with pytest.raises(IntegrityError):
        add("aside")
    if database.url.startswith("sqlite"):
        with database.connection() as connection:
            assert connection.execute(text("PRAGMA integrity_check")).scalar_one() == "ok"


@pytest.mark.postgres
def test_a_schema_that_a_test_has_used_is_as_the_migrations_leave_it(postgres_socket: Path, tmp_path: Path) -> None:
    schemas = schemas_of(postgres_socket)
    used, database = schemas.take()
    small = SmallFarm.open(database, tmp_path)
    small.submit(recipe("a"))
    small.build_all()
    schemas.give_back(used, database)
    assert schemas.take() == (used, database)
    with psycopg.connect(host=str(postgres_socket), user="postgres", dbname="postgres") as connection:
        assert _rows(connection, used) == _rows(connection, MIGRATED)
        assert _rows(connection, used)["job"] == []
        assert (
            connection.execute(
                "SELECT * FROM pg_sequences WHERE schemaname = %s AND last_value IS NOT NULL", [used]
            ).fetchall()
            == []
        )
        connection.execute(f"ALTER TABLE {used}.job ADD COLUMN more INTEGER")
    schemas.give_back(used, database)
    assert schemas.take()[0] != used


def _rows(connection: psycopg.Connection, schema: str) -> dict[str, list[tuple[object, ...]]]:
    return {
        table: connection.execute(f"TABLE {schema}.{table}").fetchall()
        for (table,) in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", [schema])
    }


def test_submissions_of_before_previews_are_kept_with_what_refers_to_them(database_url: str) -> None:
    """SQLite makes the table anew for another constraint: rows of other tables must find theirs again."""
    database = Database(database_url)
    newest = METADATA.tables["submission"]
    with database.connection() as connection:
        config = Config()
        config.set_main_option("script_location", str(Path(schema.__file__).parent / "migrations"))
        config.set_main_option("path_separator", "os")
        config.attributes["connection"] = connection
        command.upgrade(config, "1002")
        sent = {"id": 7, "submitted_by": "token:me", "submitted_at": datetime(2026, 1, 1, tzinfo=UTC), "trace": "t"}
        connection.execute(newest.insert().values(state="waiting", **sent))
        kept = {"submission_id": 7, "name": "a", "digest": "d", "files": "f"}
        connection.execute(METADATA.tables["submitted_recipe"].insert().values(**kept))
    migrate(database)
    with database.connection() as connection:
        assert [(row.id, row.state) for row in connection.execute(newest.select())] == [(7, "waiting")]
        connection.execute(newest.update().values(state="expired"))
    with pytest.raises(IntegrityError), database.connection() as connection:
        connection.execute(newest.delete())
    with pytest.raises(IntegrityError), database.connection() as connection:
        connection.execute(text("UPDATE submission SET state = 'unheard-of'"))
