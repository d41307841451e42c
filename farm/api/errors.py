"""What an answer of the farm that is no success becomes on the client's side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from farm.api.wire import ErrorWire
from farm.errors import FarmError, Place

if TYPE_CHECKING:
    import httpx

    from farm.api.wire import ProblemWire


class FarmUnreachableError(FarmError):
    """The farm did not answer: no connection, or it broke off."""

    code = "farm-unreachable"

    def __init__(self, url: str, why: str) -> None:
        super().__init__(f"the farm at {url} does not answer: {why}", remedy="See whether `farm up` runs there.")
        self.url = url


class InvalidFarmUrlError(FarmError):
    """A text is not the address of a farm."""

    code = "invalid-farm-url"

    def __init__(self, url: str, why: str) -> None:
        super().__init__(
            f"{url[:200]!r} is not the address of a farm: {why}", remedy="Set FARM_URL as http://HOST:PORT."
        )
        self.url = url


class NoSuchChannelError(FarmError):
    """A name that no path of the API can hold: no channel can be called so."""

    code = "not-found"

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no channel {name[:100]!r}", remedy="`farm channel show` lists them.")


class InvalidTokenError(FarmError):
    """A text cannot be a token. It is not repeated: it may be a secret with a typing error."""

    code = "invalid-token"

    def __init__(self) -> None:
        super().__init__(
            "the token holds characters that no token has", remedy="Set FARM_TOKEN to the token as it was issued."
        )


class InvalidAnswerError(FarmError):
    """What answered is no farm, or one that this program does not understand; `field` is the first at fault."""

    code = "invalid-answer"

    def __init__(self, request: httpx.Request, field: str, why: str) -> None:
        farm = f"{request.url.scheme}://{request.url.netloc.decode('ascii', 'replace')}"
        route = f"{request.method} {request.url.raw_path.decode('ascii', 'replace').partition('?')[0]}"
        what = f"{field[:200]!r}: {why}" if field else why
        super().__init__(
            f"the farm at {farm} answered {route} with what this program cannot read: {what}",
            remedy="See whether a farm is at FARM_URL; if so, use the program of the farm's own version.",
        )
        self.field = field


class RefusedRequestError(FarmError):
    """The farm refused a request: `status` is HTTP's, `problems` are those of submitted recipes, `detail` is data."""

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
    """The farm does not take this worker's word about an attempt any more."""


class LogOffsetRefusedError(RefusedRequestError):
    """A piece of log did not fit; `size` is where the farm's log ends."""

    @property
    def size(self) -> int:
        """The offset to go on from."""
        return int(self.detail.get("size", 0))


_BY_CODE = {"lease-lost": LeaseGoneError, "log-offset": LogOffsetRefusedError}


def raise_for(response: httpx.Response) -> None:
    """Raise a `RefusedRequestError` for an answer that is no success; its body must have been read."""
    if response.is_success:
        return
    try:
        error = ErrorWire.model_validate_json(response.content)
    except ValidationError:
        error = ErrorWire(code="http", message=f"the farm answered {response.status_code} {response.reason_phrase}")
    raise _BY_CODE.get(error.code, RefusedRequestError)(response.status_code, error)
