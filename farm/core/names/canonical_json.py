"""Canonical JSON (RFC 8785, JCS) for values without floating-point numbers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Iterable

_LARGEST_EXACT_INTEGER = 2**53 - 1
_ALWAYS_FINE = frozenset({str, bool, type(None)})
_encode = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode


class NotCanonicalizableError(FarmError):
    """A value has no canonical JSON form: a float, an integer over 2**53, or a key or text outside the rules."""

    code = "not-canonicalizable"


def canonical_json(value: Any) -> bytes:
    """Encode dicts, lists, tuples, strings, integers, booleans and None by RFC 8785.

    Floats are refused: nothing in the farm's formats needs one, and their text form is where encoders differ.
    Object keys are limited to the Basic Multilingual Plane, where code-point order is the UTF-16 order of the RFC.
    Raises `NotCanonicalizableError`.
    """
    _check(value)
    try:
        return _encode(value).encode("utf-8")
    except (UnicodeEncodeError, TypeError, ValueError) as error:
        raise NotCanonicalizableError(f"no canonical JSON: {error}") from error


def _check(value: Any) -> None:
    if value is None or isinstance(value, str | bool):
        return
    if isinstance(value, int):
        if abs(value) > _LARGEST_EXACT_INTEGER:
            raise NotCanonicalizableError(f"the integer {value} is larger than 2**53 - 1")
    elif isinstance(value, dict):
        for key in value:
            if not isinstance(key, str) or (not key.isascii() and max(key) > "\uffff"):
                raise NotCanonicalizableError(f"{key!r} cannot be a key")
        _check_each(value.values())
    elif isinstance(value, list | tuple):
        _check_each(value)
    else:
        raise NotCanonicalizableError(f"a {type(value).__name__} has no place in canonical JSON")


def _check_each(values: Iterable[Any]) -> None:
    for value in values:
        if type(value) not in _ALWAYS_FINE:  # the common case costs no call
            _check(value)
