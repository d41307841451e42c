"""What the first page would load is loaded before the process serves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

from tests.farms.small import SmallFarm, recipe
from web.app import create_app
from web.warming import warm_up

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from farm.server.tables.session import Database
    from tests.farms.served import ServedFarm


def test_all_templates_are_loaded_and_the_pages_of_a_farm_without_packages_shown(farm: ServedFarm) -> None:
    app = create_app(farm.application)
    assert warm_up(app) == ("/",)
    environment = app.state.pages.environment
    assert {name for _, name in environment.cache.keys()} == set(environment.list_templates())  # noqa: SIM118


def test_the_page_of_a_package_is_shown_before_anybody_asks(database: Database, tmp_path: Path) -> None:
    farm = SmallFarm.open(database, tmp_path)
    farm.submit(recipe("a"))
    farm.finish(farm.claim())
    assert warm_up(create_app(farm.application)) == ("/", "/packages/a")


def test_pages_that_cannot_be_shown_now_keep_nothing_from_starting(
    farm: ServedFarm, caplog: pytest.LogCaptureFixture
) -> None:
    with farm.application.writing() as unit:
        unit.session.connection().execute(text("ALTER TABLE package RENAME TO lost"))
    assert warm_up(create_app(farm.application)) == ()
    assert "no pages are loaded ahead" in caplog.text
