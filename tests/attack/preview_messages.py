"""Messages about previews that the signer must refuse."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from tests.attack.message import NESTED, Message

if TYPE_CHECKING:
    import httpx

    from tests.attack.liar import Liar


def _preview(
    liar: Liar, content: bytes, *, base: str = "edge", days: float = 1.0, zone: str = "+00:00"
) -> httpx.Response:
    until = (datetime.now(UTC) + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%S") + zone
    return liar.post("/previews", content, base=base, until=until)


def _next(liar: Liar) -> bytes:
    return liar.compose("edge", liar.entry("next")).to_json()


PREVIEWS = (
    Message("no JSON", lambda liar: _preview(liar, b"rubbish")),
    Message("nested JSON", lambda liar: _preview(liar, NESTED)),
    Message("a release of a channel", lambda liar: _preview(liar, _next(liar))),
    Message("a release of a channel, for ever", lambda liar: _preview(liar, _next(liar), days=4000)),
    Message("one that is over", lambda liar: _preview(liar, _next(liar), days=-1)),
    Message("one whose end has no time zone", lambda liar: _preview(liar, _next(liar), zone="")),
    Message("one of no channel", lambda liar: _preview(liar, _next(liar), base="../edge")),
)
"""Requests to sign a preview."""

REMOVALS = (
    Message("no number", lambda liar: liar.post("/previews/edge/remove", b"")),
    Message("a path", lambda liar: liar.post("/previews/..%2Fmetadata/remove", b"")),
    Message("one that there is not", lambda liar: liar.post("/previews/4711/remove", b""), harmless=True),
)
"""Requests to remove one."""
