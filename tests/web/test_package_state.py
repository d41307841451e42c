"""The page of a package says where its recipe stands, and shows what it can when blobs are lost."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from fastapi.testclient import TestClient

from farm.core.policy.gate_kind import GateKind
from farm.server.channels.excuses import Excuse
from farm.server.packages import packages
from tests.farms.stocked import SAMPLES, StockedFarm
from tests.web.page_reading import check_markup, page, text_of
from web.app import create_app

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from farm.core.names.digest import Digest
    from farm.server.tables.records import Package
    from farm.server.tables.session import Database

GLIBC, ONIGURUMA, JQ = SAMPLES[0], SAMPLES[5], SAMPLES[6]
CHAIN = (GLIBC, ONIGURUMA, JQ)


@pytest.fixture
def stocked(database: Database, tmp_path: Path) -> StockedFarm:
    return StockedFarm.open(database, tmp_path)


@pytest.fixture
def browser(stocked: StockedFarm) -> Iterator[TestClient]:
    with TestClient(create_app(stocked.application), raise_server_exceptions=False) as client:
        yield client


def current(stocked: StockedFarm) -> dict[str, Package]:
    with stocked.application.reading() as unit:
        return {package.name: package for package in packages.current_packages(unit.session)}


def test_a_recipe_that_was_never_built_has_a_page(stocked: StockedFarm, browser: TestClient) -> None:
    stocked.build_samples(CHAIN)
    stocked.release("edge", list(current(stocked).values()))
    stocked.fail(stocked.begin(SAMPLES[1]), "no")
    name = SAMPLES[1].name

    html = page(browser, f"/packages/{name}")
    check_markup(browser.get(f"/packages/{name}"))
    text = text_of(html)
    assert SAMPLES[1].summary in text
    assert "There is no package yet: the build failed. no Recipe" in text
    assert "edge release 1 not in it not built yet" in text
    assert f'href="/jobs?name={name}"' in html
    assert 'class="state failed"' in html
    assert f"{name}-doc" not in text
    page(browser, "/packages/nowhere", 404)


def test_a_package_stands_differently_in_each_channel(stocked: StockedFarm, browser: TestClient) -> None:
    stocked.build_samples(CHAIN)
    members = list(current(stocked).values())
    stocked.release("edge", members)
    stocked.release("stable", [member for member in members if member.name != "jq"])
    text = text_of(page(browser, "/packages/jq"))
    assert "edge release 1 1.7.1-1 none" in text
    assert "stable release 1 not in it not collected yet" in text


def test_a_package_that_is_held_back_says_why(stocked: StockedFarm, browser: TestClient) -> None:
    stocked.build_samples(CHAIN)
    members = list(current(stocked).values())
    stocked.release("edge", [member for member in members if member.name != "jq"])
    candidate = stocked.candidate("edge", members)
    jq = current(stocked)["jq"]
    stocked.hold_back(candidate, Excuse(package="jq", gate=GateKind.TESTS, reason="its tests fail", digest=jq.digest))
    html = page(browser, "/packages/jq")
    check_markup(browser.get("/packages/jq"))
    assert "not in it held back" in text_of(html)
    assert "Its tests fail." in text_of(html) or "its tests fail." in text_of(html)
    assert 'href="#held-back"' in html


def test_a_new_recipe_that_fails_is_named_on_the_page_of_the_build_before(
    stocked: StockedFarm, browser: TestClient
) -> None:
    stocked.build_samples(CHAIN)
    job = stocked.begin(replace(JQ, revision=2, flag="--broken"))
    stocked.fail(job, "no")
    text = text_of(page(browser, "/packages/jq"))
    assert "The current recipe, 1.7.1-2 of submission 4 , has not been built: job #4 failed ." in text


@pytest.mark.parametrize(
    ("lost", "shown", "hidden"),
    [
        ("digest", "Installed ", "soname:libonig"),
        ("tree", "Built by", "3 files, 1 link"),
        ("facts", "libonig.so.5", ""),
    ],
)
def test_a_lost_blob_hides_its_part_of_the_page_only(
    stocked: StockedFarm, browser: TestClient, lost: str, shown: str, hidden: str
) -> None:
    stocked.build_samples(CHAIN)
    stocked.release("edge", list(current(stocked).values()))
    jq = current(stocked)["jq"]
    digest: Digest = {"digest": jq.digest, "tree": jq.tree, "facts": jq.facts.digest}[lost]
    stocked.application.blobs.delete(digest)

    html = page(browser, "/packages/jq")
    check_markup(browser.get("/packages/jq"))
    text = text_of(html)
    assert "This part cannot be shown: the farm has lost" in text
    assert "Command-line JSON processor" in text
    assert shown in text
    assert not hidden or hidden not in text
