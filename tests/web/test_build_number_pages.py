"""How pages, the API and `farm jobs` show build numbers, and builds that were dropped for an earlier one."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from fastapi.testclient import TestClient

from farm.cli.main import main
from farm.server.identities import access
from farm.server.tables.states import Role
from farm.server.transaction.planning_inputs import LeasePolicy
from tests.farms.served import serving
from tests.farms.small import SmallFarm, recipe
from tests.web.page_reading import page, text_of
from web.app import create_app

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from farm.server.tables.session import Database


@pytest.fixture
def small(database: Database, tmp_path: Path) -> SmallFarm:
    """`app 1.0-1+b2`, rebuilt because of `lib 1.0-2`, and rebuilt with the same files because of `lib 1.0-3`."""
    farm = SmallFarm.open(database, tmp_path, LeasePolicy(rebuild="always"))
    farm.submit(recipe("lib"), recipe("app", needs=("lib",)))
    farm.build_all()
    farm.submit(recipe("lib", revision=2))
    farm.build_all()
    farm.submit(recipe("lib", revision=3))
    farm.finish(farm.claim())
    farm.finish(farm.claim(), content=farm.current()["app"].plan)
    return farm


@pytest.fixture
def browser(small: SmallFarm) -> Iterator[TestClient]:
    with TestClient(create_app(small.application), raise_server_exceptions=False) as client:
        yield client


def test_pages_show_the_number_and_what_was_dropped(small: SmallFarm, browser: TestClient) -> None:
    app = small.current()["app"]
    assert "app 1.0-1+b2" in text_of(page(browser, "/packages/app"))
    assert "1.0-1+b2" in text_of(page(browser, "/packages"))
    jobs = text_of(page(browser, "/jobs"))
    assert "app 1.0-1+b2" in jobs
    assert "app 1.0-1+b3" in jobs
    newest = max(job["id"] for job in browser.get("/api/v1/jobs").json()["jobs"])
    text = text_of(page(browser, f"/jobs/{newest}"))
    assert "It produced exactly the same files as an earlier build, and was discarded: app 1.0-1+b2 is kept" in text
    dropped = next(
        package for package in browser.get("/api/v1/packages/app").json()["packages"] if package.get("same_as")
    )
    assert (dropped["build"], dropped["same_as"]) == (3, app.digest)
    assert "was discarded: no channel uses it" in text_of(page(browser, f"/packages/app?build={dropped['digest']}"))


def test_the_api_says_nothing_new_of_first_builds(small: SmallFarm, browser: TestClient) -> None:
    packages = {package["name"]: package for package in browser.get("/api/v1/packages").json()["packages"]}
    assert packages["app"]["build"] == 2
    assert packages["lib"].keys().isdisjoint({"build", "same_as"})
    libraries = browser.get("/api/v1/jobs?name=lib").json()["jobs"]
    assert all(library.keys().isdisjoint({"version", "same_as"}) for library in libraries)
    detail = browser.get(f"/api/v1/jobs/{max(job['id'] for job in browser.get('/api/v1/jobs').json()['jobs'])}")
    assert detail.json()["job"]["same_as"] == "1.0-1+b2"
    assert detail.json()["packages"] == [small.current()["app"].digest], "what stands for what it has built"


def test_the_list_of_jobs_names_later_builds_and_what_was_dropped(
    small: SmallFarm, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with small.application.writing() as unit:
        token, _ = access.issue_token(unit, name="m", role=Role.MAINTAINER, lasts=timedelta(days=1))
    with serving(create_app(small.application)) as url:
        monkeypatch.setenv("FARM_URL", url)
        monkeypatch.setenv("FARM_TOKEN", token)
        with pytest.raises(SystemExit):
            main(["jobs", "--name", "app"])
    newest, before, first = (line.split()[2:] for line in capsys.readouterr().out.splitlines()[1:])
    assert " ".join(newest[4:]) == "1.0-1+b3: same files as 1.0-1+b2, dropped"
    assert (before[:2], before[4:]) == (["app", "succeeded"], ["1.0-1+b2"])
    assert first[4:] == []
