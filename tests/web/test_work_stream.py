"""Work that takes long is answered with lines, and a caller never waits in silence."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.requests import Request  # noqa: TC002  (FastAPI reads the annotations of a route)

from farm.api.submission_wire import SubmissionStep
from farm.server.submissions.intake_progress import IntakeStep, Stage
from web import problems, work_stream
from web.work_stream import stream_work

if TYPE_CHECKING:
    import pytest

    from farm.api.wire import Wire
    from farm.server.submissions.intake_progress import Report


def test_while_nothing_is_new_the_last_step_is_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """So no proxy and no client takes the connection for idle, however long the work takes."""
    monkeypatch.setattr(work_stream, "_LOOK_SECONDS", 0.01)
    monkeypatch.setattr(work_stream, "_SILENT_LOOKS", 3)
    app, over = FastAPI(), threading.Event()

    def work(report: Report) -> Wire:
        report(IntakeStep(Stage.ADDING, 0, 7))
        assert over.wait(20)
        return SubmissionStep(stage="adding", done=7, total=7)

    @app.post("/")
    def _(request: Request) -> Any:
        return stream_work(request, work, status=201)

    seen: list[dict[str, Any]] = []
    threading.Timer(0.5, over.set).start()
    with TestClient(app) as client, client.stream("POST", "/") as response:
        seen = [json.loads(line) for line in response.iter_lines()]
    *steps, end = seen
    assert len(steps) > 3
    assert all(step == {"stage": "adding", "done": 0, "total": 7} for step in steps)
    assert end == {"status": 201, "answer": {"stage": "adding", "done": 7, "total": 7}}


def test_a_defect_is_answered_as_anywhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    app = FastAPI()
    problems.install(app)

    def work(_: Report) -> Wire:
        raise ZeroDivisionError("secret of the operator")

    @app.post("/")
    def _(request: Request) -> Any:
        return stream_work(request, work, status=201)

    with TestClient(app) as client:
        end = json.loads(client.post("/").text)
    assert (end["status"], end["answer"]["code"]) == (500, "internal")
    assert "secret" not in json.dumps(end)
