"""How the page of a package shows the commands that its scripts call, which no proof checks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi.testclient import TestClient

from farm.core.package.facts import Script
from tests.farms.small import SmallFarm, recipe
from tests.web.page_reading import page, text_of
from web.app import create_app

if TYPE_CHECKING:
    from pathlib import Path

    from farm.server.tables.session import Database


def test_the_commands_that_scripts_call_are_listed_as_not_proven(database: Database, tmp_path: Path) -> None:
    farm = SmallFarm.open(database, tmp_path)
    farm.submit(recipe("a"), recipe("plain"))
    scripts = (Script("bin/one", "command:sh", ("awk", "sed")), Script("bin/two", "command:sh", ("frob", "sed")))
    for lease in (farm.claim(), farm.claim()):
        farm.finish(lease, scripts=scripts if lease.job.name == "a" else ())
    with TestClient(create_app(farm.application)) as browser:
        text = text_of(page(browser, "/packages/a"))
        assert "Called by its scripts Found in their text; not part of the proof. Commands awk frob sed" in text
        assert "Called by" not in text_of(page(browser, "/packages/plain"))
