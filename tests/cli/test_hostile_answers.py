"""An invalid answer of a farm is reported with the farm, the route and the field; no verb ends with a traceback."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from farm.api import answers
from farm.api.answers import Absent, Maybe
from farm.api.errors import InvalidAnswerError
from farm.cli.main import farm
from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any

    from farm.api.answers import Shape

ASKED = {
    "channel show edge": answers.STATUS,
    "channel show": answers.STATUSES,
    "channel hold edge": answers.STATUS,
    "channel excuses edge": answers.EXCUSES,
    "candidate list edge": answers.CANDIDATES,
    "candidate show edge 1": answers.CANDIDATE,
    "candidate retry edge": answers.ORDER,
    "release list edge": answers.RELEASES,
    "release show edge 1": answers.RELEASE,
    "release diff edge 1 2": answers.RELEASE_CHANGES,
    "channel order list edge": answers.ORDERS,
    "channel order withdraw edge 1 --why x": answers.ORDER,
    "channel promote edge stable --why x": answers.ORDER,
    "channel report edge": answers.REPORTS,
    "channel report edge jq --why x": answers.REPORT,
    "channel report --resolve 1": answers.REPORT,
    "channel freeze edge --why x": answers.FROZEN,
    "channel thaw edge": answers.DONE,
    "channel hold edge jq --why x": answers.HELD,
    "approve edge": answers.IN_QUESTION,
    "approve edge jq --withdraw --name ann": answers.WITHDRAWN,
    "channel trail": answers.TRAIL,
    "advisory list": answers.ADVISORIES,
    "advisory show x": answers.ADVISORY,
}  # fmt: skip
"""Verbs that read an answer by a shape; each field of the shape is once left out, and once replaced."""
BY_MODELS = ("jobs", "log 1", "package copies jq", "retry 1")


class Answering(ThreadingHTTPServer):
    """Answers every request with `content`."""

    content = b""


class _Handler(BaseHTTPRequestHandler):
    server: Answering

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.server.content)))
        self.end_headers()
        self.wfile.write(self.server.content)

    do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815  # as http.server has them

    def log_message(self, *_: Any) -> None:
        """Log nothing."""


@contextmanager
def answering() -> Iterator[Answering]:
    with Answering(("127.0.0.1", 0), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def server() -> Iterator[Answering]:
    with answering() as server:
        yield server


@pytest.fixture
def url(server: Answering, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    found = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("FARM_URL", found)
    monkeypatch.setenv("FARM_STATE", str(tmp_path / "state"))
    return found


def run(words: str) -> BaseException | None:
    """Return how a verb ends; an error in farm's own code is raised."""
    result = CliRunner().invoke(farm, words.split(), standalone_mode=False)
    if result.exception and not isinstance(result.exception, FarmError | SystemExit):
        raise result.exception
    return result.exception


@pytest.mark.parametrize("content", [b"", b"<html>", b"[]", b"5", b"null", b"[" * 100_000, b"\xff"])
@pytest.mark.parametrize("verb", [*ASKED, *BY_MODELS])
def test_what_is_no_object_is_told_with_the_farm_and_the_route(
    server: Answering, url: str, verb: str, content: bytes
) -> None:
    server.content = content
    error = run(verb)
    assert isinstance(error, InvalidAnswerError)
    assert f"the farm at {url} answered " in error.message
    assert " /api/v1/" in error.message


@pytest.mark.parametrize("verb", ASKED)
def test_each_field_that_is_missing_or_something_else_is_named(server: Answering, url: str, verb: str) -> None:
    whole = example(ASKED[verb])
    server.content = json.dumps(whole).encode()
    assert not isinstance(run(verb), InvalidAnswerError), url
    for field, broken in broken_forms(whole, ASKED[verb]):
        server.content = json.dumps(broken).encode()
        error = run(verb)
        assert isinstance(error, InvalidAnswerError), (field, broken)
        assert error.field == field


def test_a_field_of_a_model_is_named_too(server: Answering, url: str) -> None:
    server.content = b'{"jobs": [{"id": "x"}], "next_before": null}'
    error = run("jobs")
    assert isinstance(error, InvalidAnswerError)
    assert error.field.startswith("jobs.0.")
    assert f"the farm at {url} answered GET /api/v1/jobs with what this program cannot read: 'jobs.0." in error.message


def example(shape: Shape) -> Any:
    """The smallest valid answers, with one item in each list, and final where a verb would wait."""
    if isinstance(shape, Maybe | Absent):
        return example(shape.shape)
    if isinstance(shape, list):
        return [example(shape[0])]
    if isinstance(shape, type):
        return {str: "x", int: 1, bool: True}.get(shape, "2026-11-29T12:00:00+00:00")
    # Pages continue by these.
    return {name: None if name.startswith("next-") else example(of) for name, of in shape.items()}


def broken_forms(value: Any, shape: Shape, field: str = "") -> Iterator[tuple[str, Any]]:
    """Yield forms of a value in which one field is wrong or missing, each with the field."""
    if isinstance(shape, Maybe | Absent):
        yield from broken_forms(value, shape.shape, field) if value is not None else ()
    elif isinstance(shape, list):
        yield field, {"0": 1}
        for where, broken in broken_forms(value[0], shape[0], f"{field}.0"):
            yield where, [broken]
    elif isinstance(shape, type):
        yield field, {"a": []}
    else:
        for name, of in shape.items():
            path = f"{field}.{name}".lstrip(".")
            if not isinstance(of, Absent):
                yield path, {key: field_value for key, field_value in value.items() if key != name}
            for where, broken in broken_forms(value[name], of, path):
                yield where, value | {name: broken}
