"""Reading of the JSON objects that plans and orders are made of: exact keys, exact types, nothing left over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from farm.core.names.digest import Digest
from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class InvalidRecordError(FarmError):
    """A JSON object is not the record that it should be; `record` says which kind, `key` which member."""

    code = "invalid-record"

    def __init__(self, record: str, key: str, why: str, *, remedy: str = "") -> None:
        super().__init__(f"{record}: {key!r} {why}" if key else f"{record}: {why}", remedy=remedy)
        self.record = record
        self.key = key


class Record:
    """One JSON object while it is read. Each member is taken once, by its type; `end` refuses what was not taken.

    Every method raises `InvalidRecordError`. Checks of meaning are the business of the values that are made.
    """

    __slots__ = ("_left", "_name")

    def __init__(self, value: Any, name: str) -> None:
        if not isinstance(value, dict):
            raise InvalidRecordError(name, "", f"is a {type(value).__name__}, not an object")
        self._left = dict(value)
        self._name = name

    def value(self, key: str) -> Any:
        """Take a member as it is."""
        if key not in self._left:
            raise InvalidRecordError(self._name, key, "is missing")
        return self._left.pop(key)

    def text(self, key: str) -> str:
        """Take a string."""
        return self._as(str, key, self.value(key))

    def digest(self, key: str) -> Digest:
        """Take a digest; raises `InvalidDigestError` too."""
        return Digest(self.text(key))

    def number(self, key: str, *, minimum: int = 0, maximum: int | None = None) -> int:
        """Take an integer that is neither below `minimum` nor above `maximum`."""
        number = self._as(int, key, self.value(key))
        if number < minimum:
            raise InvalidRecordError(self._name, key, f"is {number}, below {minimum}")
        if maximum is not None and number > maximum:
            raise InvalidRecordError(self._name, key, f"is above {maximum}")
        return number

    def flag(self, key: str) -> bool:
        """Take a boolean."""
        return self._as(bool, key, self.value(key))

    def texts(self, key: str) -> tuple[str, ...]:
        """Take a list of strings."""
        return self.each(key, lambda item: self._as(str, key, item))

    def pairs(self, key: str) -> tuple[tuple[str, str], ...]:
        """Take a list of pairs of strings."""
        return self.each(key, lambda item: self._pair(key, item))

    def each(self, key: str, read: Callable[[Any], T]) -> tuple[T, ...]:
        """Take a list, each item read by `read`."""
        return tuple(self._read(key, item, read) for item in self._as(list, key, self.value(key)))

    def read(self, key: str, read: Callable[[Any], T]) -> T:
        """Take a member that `read` makes a value of."""
        return self._read(key, self.value(key), read)

    def end(self) -> None:
        """Refuse members that nobody took."""
        if self._left:
            raise InvalidRecordError(self._name, min(self._left, key=str), "is not known")

    def _read(self, key: str, value: Any, read: Callable[[Any], T]) -> T:
        try:
            return read(value)
        except (AttributeError, KeyError, TypeError) as error:
            # Values of other rooms read plain mappings and say so when one has another shape.
            raise InvalidRecordError(self._name, key, f"has another shape than it should: {error}") from error

    def _pair(self, key: str, item: Any) -> tuple[str, str]:
        pair = self._as(list, key, item)
        if len(pair) != 2:
            raise InvalidRecordError(self._name, key, "has an item that is not a pair")
        return self._as(str, key, pair[0]), self._as(str, key, pair[1])

    def _as(self, kind: type[T], key: str, value: Any) -> T:
        # A JSON true is a Python int, which isinstance would let through.
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise InvalidRecordError(self._name, key, f"holds a {type(value).__name__} instead of a {kind.__name__}")
        return value
