"""The parts of pages that their browsers ask for again: alone, and only when they have changed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from fastapi.testclient import TestClient

from farm.core.buildlog.first_error import AROUND
from farm.server.packages import packages
from tests.farms.small import recipe
from tests.farms.stocked import SAMPLES, StockedFarm, log_record
from tests.server.pipeline.test_verdicts import statements
from web.app import create_app

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from farm.server.tables.session import Database


@pytest.fixture
def stocked(database: Database, tmp_path: Path) -> StockedFarm:
    return StockedFarm.open(database, tmp_path)


@pytest.fixture
def browser(stocked: StockedFarm) -> Iterator[TestClient]:
    with TestClient(create_app(stocked.application), raise_server_exceptions=False) as client:
        yield client


def address_of(html: str, part: str) -> str:
    found = re.search(rf'<section id="{part}" hx-get="([^"]+)"', html)
    assert found, html
    return found[1].replace("&amp;", "&")


@pytest.mark.parametrize(
    ("page", "part"),
    [("/", "now"), ("/jobs", "jobs"), ("/jobs?kind=build", "jobs"), ("/channels/edge", "gates")],
)
def test_a_part_is_sent_alone_and_only_when_it_has_changed(
    stocked: StockedFarm, browser: TestClient, page: str, part: str
) -> None:
    stocked.build_samples(SAMPLES[:1])
    with stocked.application.reading() as unit:
        members = packages.current_packages(unit.session)
    stocked.release("edge", members)
    stocked.begin(SAMPLES[5])
    whole = browser.get(page).text
    address = address_of(whole, part)

    unchanged = browser.get(address)
    assert (unchanged.status_code, unchanged.content) == (204, b"")

    stocked.begin(SAMPLES[1])
    if part == "gates":
        stocked.candidate("edge", members)
    changed = browser.get(address)
    assert changed.status_code == 200
    assert changed.text.strip().startswith(f'<section id="{part}"')
    assert "<html" not in changed.text
    assert changed.text.strip() in browser.get(page).text
    assert browser.get(address_of(changed.text, part)).status_code == 204


def test_what_was_seen_is_any_text(browser: TestClient) -> None:
    assert browser.get("/?seen=<script>").status_code == 200
    assert "<script>" not in browser.get("/?seen=<script>").text


def test_earlier_jobs_are_not_asked_for_again(stocked: StockedFarm, browser: TestClient) -> None:
    stocked.build_samples(SAMPLES[:2])
    assert "hx-get" not in browser.get("/jobs?before=2").text


def test_the_state_of_a_job_is_sent_without_its_log(stocked: StockedFarm, browser: TestClient) -> None:
    lease = stocked.begin(SAMPLES[1])
    line = log_record("a line of the log")
    stocked.application.logs.append(lease.attempt.id, 0, line * 5000, limit=10_000_000)
    whole = browser.get("/jobs/1").text
    assert "a line of the log" in whole
    address = address_of(whole, "job")
    assert browser.get(address).status_code == 204
    stocked.fail(lease, "no")
    changed = browser.get(address).text
    assert changed.count("a line of the log") <= 2 * AROUND + 1  # the lines around the first error
    assert len(changed) < len(whole) / 20
    assert "hx-get" not in changed  # it has ended


def test_a_page_from_before_the_first_attempt_is_loaded_again(stocked: StockedFarm, browser: TestClient) -> None:
    stocked.submit(recipe("a"))
    address = address_of(browser.get("/jobs/1").text, "job")
    assert browser.get(address).status_code == 204
    stocked.claim()
    assert browser.get(address).headers["HX-Refresh"] == "true"


def test_jobs_are_not_counted_each_time_that_an_open_page_asks(stocked: StockedFarm, browser: TestClient) -> None:
    stocked.submit(recipe("a"))
    with statements(stocked.application.database) as made:
        whole = browser.get("/jobs").text
    assert any("GROUP BY job.state" in line for line in made)
    stocked.claim()
    with statements(stocked.application.database) as made:
        assert browser.get(address_of(whole, "jobs")).status_code == 200
    assert not any("GROUP BY job.state" in line for line in made)
