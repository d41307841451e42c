"""A submission with its progress: steps as JSON lines, and at the end the answer that would have come without them."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from fastapi.testclient import TestClient

from farm.api.errors import RefusedRequestError
from farm.api.farm_client import FarmClient
from farm.api.submission_wire import MOST_RECIPES, STREAM, SubmissionStep
from farm.server.identities import access
from farm.server.submissions.intake_progress import IntakeStep, Stage
from farm.server.tables.states import Role
from tests.farms.small import SmallFarm, recipe
from tests.web.test_submissions import body
from web import work_stream
from web.app import create_app

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import httpx

    from farm.api.wire import Wire
    from farm.server.submissions.intake_progress import Report
    from farm.server.tables.session import Database
    from tests.farms.served import ServedFarm

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
PATH = "/api/v1/submissions?progress=true"
STAGES = [stage.value for stage in Stage]


@pytest.fixture
def small(database: Database, tmp_path: Path) -> SmallFarm:
    return SmallFarm.open(database, tmp_path, real_time=True)


@pytest.fixture
def browser(small: SmallFarm) -> Iterator[TestClient]:
    with small.application.writing() as unit:
        text, _ = access.issue_token(unit, name="m", role=Role.MAINTAINER, lasts=timedelta(days=1))
    with TestClient(create_app(small.application), raise_server_exceptions=False) as client:
        client.headers["Authorization"] = f"Bearer {text}"
        yield client


def lines(response: httpx.Response) -> list[dict[str, Any]]:
    assert (response.status_code, response.headers["Content-Type"]) == (200, STREAM)
    return [json.loads(line) for line in response.text.splitlines()]


def test_it_ends_with_the_answer_and_its_status(browser: TestClient) -> None:
    *_, end = lines(browser.post(PATH, json=body(recipe("a"), recipe("b", needs=("a",)))))
    assert end["status"] == 201
    assert [accepted["name"] for accepted in end["answer"]["accepted"]] == ["a", "b"]
    *_, refused = lines(browser.post(PATH, json=body(recipe("c", needs=("nowhere",)))))
    assert refused["status"] == 422
    assert refused["answer"] == browser.post("/api/v1/submissions", json=body(recipe("c", needs=("nowhere",)))).json()
    trail = browser.get("/api/v1/submissions/1").json()
    assert [job["name"] for job in trail["jobs"]] == ["a", "b"]


def test_every_stage_is_reported(small: SmallFarm, browser: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reporting waits for the look of the stream here, so that it sees every step."""
    monkeypatch.setattr(work_stream, "_LOOK_SECONDS", 0.01)
    original = work_stream.run_in_threadpool

    async def slowly(work: Any, report: Report) -> Wire:
        def step(newest: IntakeStep) -> None:
            report(newest)
            time.sleep(0.03)

        return await original(work, step)  # type: ignore[no-any-return]

    monkeypatch.setattr(work_stream, "run_in_threadpool", slowly)
    names = [f"p{number:02}" for number in range(25)]
    *steps, end = lines(browser.post(PATH, json=body(*map(recipe, names))))
    assert end["status"] == 201
    stages = [step["stage"] for step in steps]
    assert list(dict.fromkeys(stages)) == STAGES
    assert {step["total"] for step in steps} == {25}
    done = [step["done"] for step in steps if step["stage"] == "reading"]
    assert done == sorted(done)
    assert len(set(done)) > 5


@pytest.mark.parametrize("asked", ["?progress=true", ""])
def test_too_many_recipes_are_refused_in_words(browser: TestClient, asked: str) -> None:
    many = {f"p{number}": {"recipe.yaml": ""} for number in range(MOST_RECIPES + 1)}
    answer = browser.post(f"/api/v1/submissions{asked}", json={"recipes": many})
    assert answer.status_code == 422
    assert answer.json()["message"] == "a submission may have 10,000 recipes, and this one has 10,001"
    assert answer.json()["remedy"].startswith("Submit them in parts")


def test_the_client_reports_steps_and_raises_what_the_farm_refuses(farm: ServedFarm) -> None:
    steps: list[SubmissionStep] = []
    with FarmClient(farm.url, farm.token(Role.MAINTAINER)) as client:
        taken = client.submit({"a": recipe("a")}, report=steps.append)
        assert [accepted.name for accepted in taken.accepted] == ["a"]
        with pytest.raises(RefusedRequestError, match="needs 'nowhere', which no recipe makes") as caught:
            client.submit({"b": recipe("b", needs=("nowhere",))}, report=steps.append)
    assert caught.value.status == 422
