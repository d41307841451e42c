"""How pages and the API show rebuilds: who built the same files, and the differences where somebody did not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from fastapi.testclient import TestClient

from tests.farms.small import SmallFarm, recipe
from tests.server.jobs.test_rebuilds import rebuild
from tests.web.page_reading import page, text_of
from web.app import create_app

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from farm.server.tables.session import Database


@pytest.fixture
def small(database: Database, tmp_path: Path) -> SmallFarm:
    farm = SmallFarm.open(database, tmp_path)
    farm.submit(recipe("a"))
    farm.build_all()
    return farm


@pytest.fixture
def browser(small: SmallFarm) -> Iterator[TestClient]:
    with TestClient(create_app(small.application), raise_server_exceptions=False) as client:
        yield client


def test_a_package_says_who_built_it_again_and_came_to_the_same(small: SmallFarm, browser: TestClient) -> None:
    assert "Rebuilt by nobody" in text_of(page(browser, "/packages/a"))
    job = rebuild(small, "a")
    small.finish(small.claim("two"))
    assert "Rebuilt by two, same result" in text_of(page(browser, "/packages/a"))
    text = text_of(page(browser, f"/jobs/{job.id}"))
    assert f"Rebuild job #{job.id}" in text
    assert "repeats a build of one on another worker" in text
    assert "rebuild" in text_of(page(browser, "/jobs"))
    assert browser.get(f"/api/v1/jobs/{job.id}").json()["job"]["rebuild"] is True


def test_a_difference_is_shown_file_by_file(small: SmallFarm, browser: TestClient) -> None:
    job = rebuild(small, "a")
    small.finish(small.claim("two"), content="something else")
    text = text_of(page(browser, f"/jobs/{job.id}"))
    assert "What differs" in text
    assert "share/a/x differs" in text
    assert small.current()["a"].tree in text
    assert "two, got a different result" in text_of(page(browser, "/packages/a"))
