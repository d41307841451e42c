"""How a client reports answers that are not a success, whatever server sent them."""

from __future__ import annotations

import httpx
import pytest

from farm.api.errors import LeaseGoneError, LogOffsetRefusedError, RefusedRequestError, raise_for
from farm.api.wire import ErrorWire, ProblemWire


def _answer(status: int, content: bytes) -> httpx.Response:
    return httpx.Response(status, content=content, request=httpx.Request("GET", "http://farm/"))


def test_a_success_raises_nothing() -> None:
    raise_for(_answer(204, b""))


@pytest.mark.parametrize(
    ("code", "kind"),
    [("lease-lost", LeaseGoneError), ("log-offset", LogOffsetRefusedError), ("x", RefusedRequestError)],
)
def test_the_code_decides_the_class(code: str, kind: type[RefusedRequestError]) -> None:
    body = ErrorWire(code=code, message="no", remedy="do that", detail={"size": 7}).model_dump_json()
    with pytest.raises(kind) as caught:
        raise_for(_answer(409, body.encode()))
    assert (caught.value.code, caught.value.status, caught.value.remedy) == (code, 409, "do that")
    assert type(caught.value) is kind


def test_the_place_is_that_of_the_first_problem() -> None:
    problem = ProblemWire(file="packages/jq/recipe.yaml", line=3, column=5, message="what?")
    body = ErrorWire(code="invalid-recipe", message="what?", problems=(problem,)).model_dump_json()
    with pytest.raises(RefusedRequestError) as caught:
        raise_for(_answer(422, body.encode()))
    assert str(caught.value.place) == "packages/jq/recipe.yaml:3:5"


@pytest.mark.parametrize("content", [b"", b"<html>Bad Gateway</html>", b"{}", b"[" * 5000])
def test_an_answer_of_something_between_is_told_by_its_status(content: bytes) -> None:
    with pytest.raises(RefusedRequestError, match="502"):
        raise_for(_answer(502, content))
