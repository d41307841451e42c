"""An old database of a farm, with its logs and blobs: it is upgraded, and the current program answers from it.

What was answered then is still answered. Tables, columns, states and members of answers may have come since.
"""

from __future__ import annotations

import shutil
from typing import Any

import pytest

from tests.formats import kept
from tests.formats.reading import database, wire

LOOKS = kept.read_json("looks.json")


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    place = kept.unpacked("farm.tar.gz", tmp_path_factory.mktemp("farm")) / "farm"
    database.load((place / "farm.sql").read_text(), place / "farm.db")
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


@pytest.mark.parametrize("target", LOOKS["looks"])
def test_who_looks_is_answered_as_then(answers: dict[str, Any], target: str) -> None:
    assert kept.still_says(answers[target], LOOKS["looks"][target])


@pytest.mark.parametrize("target", LOOKS["strangers"])
def test_strangers_are_answered_as_then(answers: dict[str, Any], target: str) -> None:
    assert answers[f"stranger {target}"] == LOOKS["strangers"][target]
