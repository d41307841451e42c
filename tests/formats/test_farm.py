"""An old database of a farm, with its logs and blobs: it is upgraded, and the current program answers from it.

What was answered then is still answered. Tables, columns, states and members of answers may have come since.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from tests.formats import kept
from tests.formats.reading import database, wire
from tests.refusing import refuses

if TYPE_CHECKING:
    from pathlib import Path

LOOKS = kept.read_json("looks.json")
KNOWN = kept.read_json("database.json")


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    place = kept.unpacked("farm.tar.gz", tmp_path_factory.mktemp("farm")) / "farm"
    _load((place / "farm.sql").read_text(), place / "farm.db")
    database.migrated(place / "farm.db")
    application, rows = wire.open_farm(place)
    try:
        with wire.served(application) as url:
            looks = wire.looked_at(url, list(LOOKS["looks"]), LOOKS["token"])
            strangers = wire.looked_at(url, list(LOOKS["strangers"]), "nobody's")
            return looks | {f"stranger {target}": answer for target, answer in strangers.items()}
    finally:
        rows.close()
        shutil.rmtree(place)


def _load(sql: str, path: Path) -> None:
    with closing(sqlite3.connect(path)) as rows:
        rows.execute("PRAGMA foreign_keys = OFF")
        rows.execute("PRAGMA ignore_check_constraints = ON")
        rows.executescript(sql)


@pytest.mark.parametrize("target", LOOKS["looks"])
def test_who_looks_is_answered_as_then(answers: dict[str, Any], target: str) -> None:
    assert kept.still_says(answers[target], LOOKS["looks"][target])


@pytest.mark.parametrize("target", LOOKS["strangers"])
def test_strangers_are_answered_as_then(answers: dict[str, Any], target: str) -> None:
    assert answers[f"stranger {target}"] == LOOKS["strangers"][target]


@pytest.mark.parametrize("table", KNOWN["schema"])
def test_a_table_has_the_columns_that_it_had(table: str) -> None:
    found, then = database.schema()[table], KNOWN["schema"][table]
    assert {name: found[name] for name in ("key", "unique")} == {name: then[name] for name in ("key", "unique")}
    for name, (*column, members) in then["columns"].items():
        *present, allowed = found["columns"][name]
        assert (name, present) == (name, column)
        assert set(members) <= set(allowed)
    for reference in then["refers"]:
        assert reference in found["refers"]


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    path = tmp_path_factory.mktemp("rows") / "farm.db"
    _load(kept.read("rows.sql").decode(), path)
    assert database.revision(path) == KNOWN["revision"]
    database.migrated(path)
    known = {table: sorted(description["columns"]) for table, description in KNOWN["schema"].items()}
    return json.loads(json.dumps(database.rows(path, known)))  # type: ignore[no-any-return]


def test_the_database_of_a_preview_is_refused_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "farm.db"
    _load(kept.read("preview.sql").decode(), path)
    with refuses("schema-too-old", "made by a development version of farm .schema 0021") as refused:
        database.migrated(path)
    assert "Move the database, and keys/admin.token" in refused.value.remedy
    assert database.revision(path) == "0021"


@pytest.mark.parametrize("table", KNOWN["rows"])
def test_rows_of_then_are_read_with_every_column_and_every_state(rows: dict[str, Any], table: str) -> None:
    assert rows[table] == KNOWN["rows"][table]


def test_every_column_is_filled_somewhere_and_every_state_is_there() -> None:
    for table, description in KNOWN["schema"].items():
        names, values = sorted(description["columns"]), KNOWN["rows"][table]
        assert values, table
        for number, name in enumerate(names):
            assert any(row[number] not in (None, "", 0, False) for row in values), (table, name)
            if members := description["columns"][name][3]:
                assert {row[number] for row in values} == set(members), (table, name)


def test_every_state_is_spelt_as_it_was() -> None:
    for present, then in zip(database.states(), KNOWN["states"], strict=True):
        assert set(then) <= set(present)
