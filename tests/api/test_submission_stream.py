"""How a client reads the stream of a submission, also one that no farm would send."""

from __future__ import annotations

import httpx
import pytest

from farm.api.errors import InvalidAnswerError
from farm.api.submission_stream import end_of_stream
from farm.api.submission_wire import STREAM


def answered(content: bytes, kind: str = STREAM) -> httpx.Response:
    request = httpx.Request("POST", "http://127.0.0.1/api/v1/submissions")
    return httpx.Response(200, content=content, headers={"Content-Type": kind}, request=request)


def test_an_older_farm_answers_without_steps() -> None:
    response = answered(b'{"id":1}', "application/json")
    assert end_of_stream(response, pytest.fail) is response
    assert response.json() == {"id": 1}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"stage":"adding","done":0,"total":1}\n', "its stream has no end; `farm submission list` shows whether"),
        (b"", "its stream has no end"),
        (b"text\n", "a line of its stream is no step of a submission"),
        (b"7\n", "a line of its stream is no step of a submission"),
        (b'"status"\n', "a line of its stream is no step of a submission"),
        (b'{"stage":"\\u001b]0;x","done":0,"total":1}\n', "a line of its stream is no step of a submission"),
        (b'{"status":201,"answer":[]}\n', "a line of its stream is no step of a submission"),
    ],
)
def test_what_is_no_stream_of_a_submission_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(InvalidAnswerError, match=message):
        end_of_stream(answered(content), lambda _step: None)
