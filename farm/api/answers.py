"""Reads and checks the answers of a farm.

Answers with models are checked by these (`farm.api.wire`). All others are checked against a shape with the members that
this program needs. Further members are ignored, so that a newer farm may answer more.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeVar

from pydantic import ValidationError

from farm.api import wire
from farm.api.errors import InvalidAnswerError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import httpx

Shape: TypeAlias = "type | Mapping[str, Shape] | list[Shape] | Maybe | Absent"
"""A type; the members of an object; the items of a list; a value that may be null; a member that may be missing."""
_Model = TypeVar("_Model", bound=wire.Wire)
_KINDS = {str: "text", int: "a number", bool: "true or false", datetime: "a time"}


class Maybe(NamedTuple):
    """A value that may be null."""

    shape: Shape


class Absent(NamedTuple):
    """A member that may be missing."""

    shape: Shape


_TIME = Maybe(datetime)
_SIDE = Maybe({"version": str})
_EXCUSE: Shape = {
    **dict.fromkeys(("channel", "package", "version", "gate", "reason", "root", "owner", "line", "remedy"), str),
    "job": Maybe(int),
    "partners": [str],
    "since": datetime,
    "cleared-at": _TIME,
    "cleared-by": str,
}
_UNBLOCKING: Shape = {"already-red": Absent([{}]), "flaky": Absent([{}])}
_GATE: Shape = {"gate": str, "state": str, "summary": str, "detail": Absent(_UNBLOCKING)}
_LISTED_CANDIDATE: dict[str, Shape] = {
    "id": int,
    "state": str,
    "source": str,
    "reason": str,
    "created-at": datetime,
    "gates": [_GATE],
    "runs": [{"purpose": str, "atoms": int, "state": str}],
    "excuses": [_EXCUSE],
}
_LISTED_RELEASE: dict[str, Shape] = {
    "number": int,
    "digest": str,
    "packages": int,
    "released-at": datetime,
    "published-at": _TIME,
}
_RELEASED_PACKAGE: Shape = {"name": str, "version": str, "revision": int, "build": Absent(int), "package": str}
_FREEZE: Shape = {"by": str, "why": str, "until": _TIME}
_SIGNATURE: Shape = Absent(Maybe({"order": str, "expires": datetime, "withdrawn": bool}))
ORDER: dict[str, Shape] = {
    **dict.fromkeys(("channel", "summary", "ordered-by", "outcome"), str),
    "id": int,
    "at": datetime,
    "done-at": _TIME,
    "ending": Maybe(str),
}
HOLD: dict[str, Shape] = {"package": str, "by": str, "why": str, "at": datetime, "until": _TIME}
REPORT: dict[str, Shape] = {
    **dict.fromkeys(("channel", "package", "version", "by", "why"), str),
    "id": int,
    "at": datetime,
}
SIGNED_ORDER: dict[str, Shape] = {"order": str, "curator": str, "brought-at": _TIME, "refused": str}
STATUS: dict[str, Shape] = {
    "distribution": Absent(str),
    "astray": Absent([{"act": str, "curator": str, "refused": str}]),
    "reports-astray": Absent([REPORT]),
    "channel": str,
    "newest": Maybe(_LISTED_RELEASE),
    "candidate": Maybe(_LISTED_CANDIDATE),
    "frozen": Maybe(_FREEZE),
    "held": [HOLD],
    "excuses": [_EXCUSE],
    "orders": [ORDER],
    "settled": bool,
    "trouble": [str],
    "unfollowed": [{"distribution": str, "why": str, "since": datetime}],
}
STATUSES: dict[str, Shape] = {"channels": [STATUS]}
RELEASES: dict[str, Shape] = {"releases": [_LISTED_RELEASE]}
RELEASE: dict[str, Shape] = {
    "packages": [_RELEASED_PACKAGE],
    "published-at": _TIME,
    "imports": [
        {
            **dict.fromkeys(("distribution", "channel", "release", "root"), str),
            "number": int,
            "packages": [_RELEASED_PACKAGE],
        }
    ],
    "tests": _UNBLOCKING,
}
RELEASE_CHANGES: dict[str, Shape] = {"changes": [{"package": str, "change": str, "before": _SIDE, "after": _SIDE}]}
CANDIDATES: dict[str, Shape] = {"trouble": [str], "candidates": [_LISTED_CANDIDATE]}
CANDIDATE: dict[str, Shape] = {
    **_LISTED_CANDIDATE,
    "trouble": [str],
    "base": Maybe(int),
    "changes": [{"package": str, "before": _SIDE, "after": _SIDE, "atom": str, "state": str}],
}
EXCUSES: dict[str, Shape] = {"excuses": [_EXCUSE]}
ORDERS: dict[str, Shape] = {"orders": [{**ORDER, "signature": _SIGNATURE}]}
REPORTS: dict[str, Shape] = {"reports": [REPORT]}
FROZEN: dict[str, Shape] = {"frozen": _FREEZE}
HELD: dict[str, Shape] = {"until": _TIME}
DONE: dict[str, Shape] = {}
IN_QUESTION: dict[str, Shape] = {
    "channel": str,
    "of": str,
    "count": int,
    "packages": [
        {
            **dict.fromkeys(("package", "version", "digest", "descriptor"), str),
            "build": Absent(int),
            "approved-by": [str],
            "enough": bool,
            "removed": bool,
            "withdrawn": Absent({}),
        }
    ],
}
REVOCABLE: dict[str, Shape] = {"approvals": [{"package": str, "digest": str}]}
APPROVED: dict[str, Shape] = {"approvals": [{}]}
WITHDRAWN: dict[str, Shape] = {"withdrawn": [{"digest": str, "package": Absent(str)}], "released": Absent([str])}
TRAIL: dict[str, Shape] = {
    "trail": [
        {
            **dict.fromkeys(("by", "action", "subject", "detail"), str),
            "number": int,
            "at": datetime,
            "allowed": bool,
        }
    ],
    "next-before": Maybe(int),
}
_HITS: Shape = [{"channel": str, "package": str, "version": str}]
ADDED_ADVISORY: dict[str, Shape] = {"id": str, "outcome": str, "severity": str, "packages": [str], "released": _HITS}
_LISTED_ADVISORY: dict[str, Shape] = {
    "unsigned": Absent(bool),
    "id": str,
    "severity": str,
    "summary": str,
    "packages": [str],
    "withdrawn": Maybe(str),
}
ADVISORY: dict[str, Shape] = {**_LISTED_ADVISORY, "released": _HITS}
ADVISORIES: dict[str, Shape] = {
    "advisories": [_LISTED_ADVISORY],
    "next-after": Maybe(str),
    "distribution": Absent(str),
}
STATED: dict[str, Shape] = {
    "new": int,
    "statements": [dict.fromkeys(("vulnerability", "status", "package", "version"), str)],
}

REVIEWS: dict[str, Shape] = {"reviews": [dict.fromkeys(("package", "source", "at"), str)]}
REVIEWED: dict[str, Shape] = {**REVIEWS, "new": int}


def read_answer(response: httpx.Response, shape: Mapping[str, Shape]) -> dict[str, Any]:
    """Return the JSON object that a farm answered, which has this shape. Raises `InvalidAnswerError`."""
    try:
        answer = json.loads(response.content)
    except (ValueError, RecursionError) as error:
        raise InvalidAnswerError(response.request, "", "it is not JSON") from error
    for field, why in _faults(answer, shape, ""):
        raise InvalidAnswerError(response.request, field, why)
    found: dict[str, Any] = answer
    return found


def read_model(response: httpx.Response, model: type[_Model]) -> _Model:
    """Return a farm's answer as a model of the wire. Raises `InvalidAnswerError`."""
    try:
        return model.model_validate_json(response.content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(map(str, first["loc"]))
        raise InvalidAnswerError(response.request, field, first["msg"]) from error


def _faults(value: Any, shape: Shape, field: str) -> Iterator[tuple[str, str]]:
    """Yield the fields that do not match their shape, and what they should be."""
    if isinstance(shape, Maybe | Absent):
        if value is not None or isinstance(shape, Absent):
            yield from _faults(value, shape.shape, field)
    elif isinstance(shape, list):
        if not isinstance(value, list):
            yield field, "it should be a list"
            return
        for number, item in enumerate(value):
            yield from _faults(item, shape[0], f"{field}.{number}")
    elif isinstance(shape, type):
        if not _is_a(value, shape):
            yield field, f"it should be {_KINDS[shape]}"
    elif isinstance(value, dict):
        yield from _faults_of_members(value, shape, field)
    else:
        yield field, "it should be an object"


def _faults_of_members(value: Mapping[str, Any], shape: Mapping[str, Shape], field: str) -> Iterator[tuple[str, str]]:
    for name, of in shape.items():
        path = f"{field}.{name}".lstrip(".")
        if name in value:
            yield from _faults(value[name], of, path)
        elif not isinstance(of, Absent):
            yield path, "it is missing"


def _is_a(value: Any, kind: type) -> bool:
    if kind is datetime:
        try:
            return isinstance(value, str) and bool(datetime.fromisoformat(value))
        except ValueError:
            return False
    return type(value) is kind
