"""The errors of the clients: no answer, an answer that cannot be read, and a refusal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from farm.api.wire import ErrorWire
from farm.errors import FarmError, Place

if TYPE_CHECKING:
    import httpx

    from farm.api.wire import ProblemWire


class FarmUnreachableError(FarmError):
    """The farm did not answer: there was no connection, or it broke."""

    code = "farm-unreachable"

    def __init__(self, url: str, why: str) -> None:
        super().__init__(f"the farm at {url} does not answer: {why}", remedy="Check that `farm up` runs there.")
        self.url = url


class InvalidAnswerError(FarmError):
    """The answer is not from a farm, or not from one that this program understands; `field` is the first wrong one."""

    code = "invalid-answer"

    def __init__(self, request: httpx.Request, field: str, why: str) -> None:
        farm = f"{request.url.scheme}://{request.url.netloc.decode('ascii', 'replace')}"
        route = f"{request.method} {request.url.raw_path.decode('ascii', 'replace').partition('?')[0]}"
        what = f"{field[:200]!r}: {why}" if field else why
        super().__init__(
            f"the farm at {farm} answered {route} with what this program cannot read: {what}",
            remedy="Check that FARM_URL is that of a farm; if so, use the same version of this program as the farm.",
        )
        self.field = field


class RefusedRequestError(FarmError):
    """The farm refused a request, with an HTTP status; `problems` are those of submitted recipes, `detail` is data."""

    code = "refused-request"

    def __init__(self, status: int, error: ErrorWire) -> None:
        place = (
            Place(error.problems[0].file, error.problems[0].line, error.problems[0].column) if error.problems else None
        )
        super().__init__(error.message, remedy=error.remedy, place=place)
        self.code = error.code
        self.status = status
        self.problems: tuple[ProblemWire, ...] = error.problems
        self.detail: dict[str, Any] = error.detail


class LeaseGoneError(RefusedRequestError):
    """The lease of an attempt has ended: the farm accepts no more reports about it."""


class LogOffsetRefusedError(RefusedRequestError):
    """A piece of log was sent for another offset than the end of the farm's log, which is `size`."""

    @property
    def size(self) -> int:
        """The offset to continue from."""
        return int(self.detail.get("size", 0))


_BY_CODE = {"lease-lost": LeaseGoneError, "log-offset": LogOffsetRefusedError}


def raise_for(response: httpx.Response) -> None:
    """Raise a `RefusedRequestError` for an unsuccessful answer, whose body must have been read."""
    if response.is_success:
        return
    try:
        error = ErrorWire.model_validate_json(response.content)
    except ValidationError:
        error = ErrorWire(code="http", message=f"the farm answered {response.status_code} {response.reason_phrase}")
    raise _BY_CODE.get(error.code, RefusedRequestError)(response.status_code, error)
