"""Every schema that a release had, with a value in each column: upgraded on both databases, and read with every state.

`schema-1006` is version 1: from it on, every farm's database is upgraded. Schema 1000 was the first of all.
"""

from __future__ import annotations

import json
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from alembic import command

from farm.server.tables.schema import alembic_config, migrate
from farm.server.tables.session import Database
from tests.farms.databases import BOTH
from tests.formats import kept
from tests.formats.reading import database
from tests.refusing import refuses
from tests.servers import new_postgres_schema

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FOLDERS = {"1000": "", "1006": "schema-1006/"}
KNOWN = {revision: kept.read_json(f"{folder}database.json") for revision, folder in FOLDERS.items()}
DROPPED = {"recipe_need": "revision_need"}
"""Tables that a later schema has no more, each with the table that has its rows now."""
TABLES = [(revision, table) for revision, known in KNOWN.items() for table in known["schema"] if table not in DROPPED]


@pytest.mark.parametrize(("revision", "table"), TABLES)
def test_a_table_has_the_columns_that_it_had(revision: str, table: str) -> None:
    found, then = database.schema()[table], KNOWN[revision]["schema"][table]
    assert {name: found[name] for name in ("key", "unique")} == {name: then[name] for name in ("key", "unique")}
    for name, (*column, members) in then["columns"].items():
        *present, allowed = found["columns"][name]
        assert (name, present) == (name, column)
        assert set(members) <= set(allowed)
    for reference in then["refers"]:
        assert reference in found["refers"]


@pytest.fixture(scope="module", params=FOLDERS)
def revision(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module", params=BOTH)
def upgraded(
    request: pytest.FixtureRequest, revision: str, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, list[list[Any]]]:
    """The rows of a database of that schema, after it was upgraded, with the columns that it had."""
    then = KNOWN[revision]
    known = {name: sorted(table["columns"]) for name, table in then["schema"].items() if name not in DROPPED}
    if request.param == "postgres":
        url = new_postgres_schema(request.getfixturevalue("postgres_socket"), f"upgraded_{revision}")
        _fill(url, then)
    else:
        path = tmp_path_factory.mktemp("rows") / "farm.db"
        database.load(kept.read(f"{FOLDERS[revision]}rows.sql").decode(), path)
        assert database.revision(path) == revision
        url = f"sqlite:///{path}"
    with closing(Database(url)) as opened:
        migrate(opened)
    return json.loads(json.dumps(database.rows(url, known)))  # type: ignore[no-any-return]


def _fill(url: str, then: Mapping[str, Any]) -> None:
    """Let the migrations make a schema as it was then, and put the rows of that time into it."""
    config = alembic_config()
    with closing(Database(url)) as opened, opened.connection() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, then["revision"])
        connection.execute(sa.text("SET LOCAL session_replication_role = replica"))  # foreign keys are not looked at
        tables = sa.MetaData()
        tables.reflect(connection)
        for name, rows in then["rows"].items():
            table, columns = tables.tables[name], sorted(then["schema"][name]["columns"])
            connection.execute(table.delete())
            connection.execute(table.insert(), [dict(zip(columns, row, strict=True)) for row in rows])


def test_rows_of_then_are_read_with_every_column_and_every_state(
    revision: str, upgraded: dict[str, list[list[Any]]]
) -> None:
    for table, rows in upgraded.items():
        assert rows == KNOWN[revision]["rows"][table], table


def test_every_column_is_filled_somewhere_and_every_state_is_there(revision: str) -> None:
    for table, description in KNOWN[revision]["schema"].items():
        names, values = sorted(description["columns"]), KNOWN[revision]["rows"][table]
        assert values, table
        for number, name in enumerate(names):
            assert any(row[number] not in (None, "", 0, False) for row in values), (table, name)
            if members := description["columns"][name][3]:
                assert {row[number] for row in values} == set(members), (table, name)


def test_every_state_is_spelt_as_it_was(revision: str) -> None:
    for present, then in zip(database.states(), KNOWN[revision]["states"], strict=True):
        assert set(then) <= set(present)


def test_the_database_of_a_preview_is_refused_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "farm.db"
    database.load(kept.read("preview.sql").decode(), path)
    with refuses("schema-too-old", "made by a development version of farm .schema 0021") as refused:
        database.migrated(path)
    assert "Move the database, and keys/admin.token" in refused.value.remedy
    assert database.revision(path) == "0021"
