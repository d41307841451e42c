"""Typed access to the objects of a JSON document.

A wrong value is recorded as a problem and a harmless one returned, so that reading goes on and all problems of the
document are reported together. Nothing that was read may be used where `problems` is not empty.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

_LONGEST_LINE = 1000
_MOST_PROBLEMS = 20
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?", re.ASCII)
"""RFC 3339, and its common variants: without seconds, or with a space in the middle."""


class JsonPart:
    """One object of a document; unknown keys are ignored. `path` is its location: `affected.0.`."""

    def __init__(self, form: Mapping[str, Any], path: str = "", problems: list[str] | None = None) -> None:
        self._form = form
        self._path = path
        self.problems: list[str] = [] if problems is None else problems

    def text(self, key: str, default: str | None = None, *, longest: int = _LONGEST_LINE, pattern: str = "") -> str:
        """Return the text at a key; without a default it is required. `pattern` must match all of it."""
        if key not in self._form and default is not None:
            return default
        return self._text(key, self._form.get(key), longest, pattern) if self._has(key) else ""

    def text_or_none(self, key: str) -> str | None:
        """Return the text at a key, None where it is absent."""
        value = self._form.get(key)
        return None if value is None else self._text(key, value, _LONGEST_LINE, "")

    def texts(self, key: str, *, most: int, pattern: str = "") -> tuple[str, ...]:
        """Return the list of texts at a key; empty where it is absent."""
        found = self._list(key, 0, most)
        return tuple(self._text(f"{key}.{n}", value, _LONGEST_LINE, pattern) for n, value in enumerate(found))

    def choice(self, key: str, allowed: Collection[str], default: str | None = None) -> str:
        """Return one of several texts; without a default it is required."""
        if key not in self._form and default is not None:
            return default
        value = self._form.get(key)
        if self._has(key) and not (isinstance(value, str) and value in allowed):
            *others, last = map(repr, allowed)
            self._note(key, f"should be {', '.join(others)} or {last}")
        return value if isinstance(value, str) else ""

    def moment(self, key: str) -> datetime:
        """Return the time at a key, which is required."""
        return (self._moment(key) if self._has(key) else None) or datetime.min.replace(tzinfo=UTC)

    def moment_or_none(self, key: str) -> datetime | None:
        """Return the time at a key, None where it is absent."""
        return None if self._form.get(key) is None else self._moment(key)

    def part(self, key: str, *, required: bool = False) -> JsonPart:
        """Return the object at a key; an empty one where it is absent and not required."""
        if key not in self._form:
            return _Absent(self.problems) if required and not self._has(key) else JsonPart({}, "", self.problems)
        return self._part(key, self._form[key])

    def parts(self, key: str, *, least: int = 0, most: int | None = None) -> Iterator[JsonPart]:
        """Yield the objects of the list at a key; none where it is absent and not required."""
        if least and not self._has(key):
            return
        for number, value in enumerate(self._list(key, least, most)):
            yield self._part(f"{key}.{number}", value)

    def _has(self, key: str) -> bool:
        if key not in self._form:
            self._note(key, "is missing")
        return key in self._form

    def _note(self, key: str, what: str) -> None:
        if len(self.problems) < _MOST_PROBLEMS:
            self.problems.append(f"{self._path}{key} {what}")

    def _text(self, key: str, value: object, longest: int, pattern: str) -> str:
        if not isinstance(value, str) or not _is_unicode(value):
            self._note(key, "should be text")
            return ""
        if pattern and not re.fullmatch(pattern, value):
            self._note(key, f"should be written as {pattern}")
        elif len(value) > longest:
            self._note(key, f"is too long: {longest} characters are the most")
        return value

    def _moment(self, key: str) -> datetime | None:
        value = self._form[key]
        text = value.upper() if isinstance(value, str) else ""
        try:
            found = datetime.fromisoformat(text) if _MOMENT.fullmatch(text) else None
        except ValueError:
            found = None
        if found is None:
            self._note(key, "should be a time: write it as 2026-11-20T10:00:00Z")
        elif found.tzinfo is None:
            self._note(key, "names no time zone: write it as 2026-11-20T10:00:00Z")
        return found

    def _list(self, key: str, least: int, most: int | None) -> list[Any]:
        value = self._form.get(key, [])
        if not isinstance(value, list):
            self._note(key, "should be a list")
        elif len(value) < least:
            self._note(key, f"needs at least {least}, and has {len(value)}")
        elif most is not None and len(value) > most:
            self._note(key, f"has too many: {most} are the most")
        else:
            return value
        return []

    def _part(self, key: str, value: object) -> JsonPart:
        if isinstance(value, dict):
            return JsonPart(value, f"{self._path}{key}.", self.problems)
        self._note(key, "should be an object")
        return _Absent(self.problems)


class _Absent(JsonPart):
    """What is read in place of a missing object, which is already recorded as a problem."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__({}, "", problems)

    def _has(self, key: str) -> bool:  # noqa: ARG002
        return False


def _is_unicode(text: str) -> bool:
    """Return whether a text has no half of a surrogate pair, which JSON can express and UTF-8 cannot."""
    try:
        return text.isascii() or bool(text.encode())
    except UnicodeEncodeError:
        return False
