"""Which part of a blob a client asks for: one part, as those ask that go on with a download."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from starlette.datastructures import Headers

from web.registry.errors import RangeError

if TYPE_CHECKING:
    from starlette.types import Scope

_ONE = re.compile(r"bytes=(?:(?P<first>[0-9]{1,18})-(?P<last>[0-9]{0,18})|-(?P<length>[0-9]{1,18}))")


def with_one_range(scope: Scope) -> Scope:
    """Return the request, without its range where that is none, or is of several parts.

    A server may leave a range alone (RFC 9110, 14.2): whoever asks so gets the whole.
    """
    asked = Headers(scope=scope).get("range")
    found = _ONE.fullmatch(asked) if asked else None
    if asked is None or (found and not (found["last"] and int(found["first"]) > int(found["last"]))):
        return scope
    return {**scope, "headers": [(name, value) for name, value in scope["headers"] if name != b"range"]}


def check_range(asked: str, size: int) -> None:
    """Raise `RangeError` for a part that begins where a blob of `size` bytes has ended."""
    found = _ONE.fullmatch(asked)
    if found and (int(found["first"]) >= size if found["first"] else not int(found["length"])):
        raise RangeError(size)
