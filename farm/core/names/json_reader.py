"""Reading the JSON objects of plans and orders: exact keys, exact types, no extra members."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from farm.core.names.digest import Digest
from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class InvalidRecordError(FarmError):
    """A JSON object is not the expected record; `record` is its kind, `key` the member at fault."""

    code = "invalid-record"

    def __init__(self, record: str, key: str, why: str, *, remedy: str = "") -> None:
        super().__init__(f"{record}: {key!r} {why}" if key else f"{record}: {why}", remedy=remedy)
        self.record = record
        self.key = key


class Record:
    """One JSON object that is being read. Each member is read once, by its type; `end` refuses unread ones.

    Every method raises `InvalidRecordError`. The values made from the members check their meaning.
    """

    __slots__ = ("_left", "_name")

    def __init__(self, value: Any, name: str) -> None:
        if not isinstance(value, dict):
            raise InvalidRecordError(name, "", f"is a {type(value).__name__}, not an object")
        self._left = dict(value)
        self._name = name

    def value(self, key: str) -> Any:
        """Read a member unchanged."""
        if key not in self._left:
            raise InvalidRecordError(self._name, key, "is missing")
        return self._left.pop(key)

    def text(self, key: str) -> str:
        """Read a string."""
        return self._as(str, key, self.value(key))

    def digest(self, key: str) -> Digest:
        """Read a digest; raises `InvalidDigestError` too."""
        return Digest(self.text(key))

    def number(self, key: str, *, minimum: int = 0, maximum: int | None = None) -> int:
        """Read an integer that is neither below `minimum` nor above `maximum`."""
        number = self._as(int, key, self.value(key))
        if number < minimum:
            raise InvalidRecordError(self._name, key, f"is {number}, below {minimum}")
        if maximum is not None and number > maximum:
            raise InvalidRecordError(self._name, key, f"is above {maximum}")
        return number

    def flag(self, key: str) -> bool:
        """Read a boolean."""
        return self._as(bool, key, self.value(key))

    def texts(self, key: str) -> tuple[str, ...]:
        """Read a list of strings."""
        return self.each(key, lambda item: self._as(str, key, item))

    def pairs(self, key: str) -> tuple[tuple[str, str], ...]:
        """Read a list of pairs of strings."""
        return self.each(key, lambda item: self._pair(key, item))

    def each(self, key: str, read: Callable[[Any], T]) -> tuple[T, ...]:
        """Read a list, each item with `read`."""
        return tuple(self._read(key, item, read) for item in self._as(list, key, self.value(key)))

    def read(self, key: str, read: Callable[[Any], T]) -> T:
        """Read a member with `read`."""
        return self._read(key, self.value(key), read)

    def end(self) -> None:
        """Refuse unread members."""
        if self._left:
            raise InvalidRecordError(self._name, min(self._left, key=str), "is not known")

    def _read(self, key: str, value: Any, read: Callable[[Any], T]) -> T:
        try:
            return read(value)
        except (AttributeError, KeyError, TypeError) as error:
            # Readers in other packages take plain mappings and raise these errors when one has another shape.
            raise InvalidRecordError(self._name, key, f"has another shape than it should: {error}") from error

    def _pair(self, key: str, item: Any) -> tuple[str, str]:
        pair = self._as(list, key, item)
        if len(pair) != 2:
            raise InvalidRecordError(self._name, key, "has an item that is not a pair")
        return self._as(str, key, pair[0]), self._as(str, key, pair[1])

    def _as(self, kind: type[T], key: str, value: Any) -> T:
        # A JSON true is a Python int, which isinstance would accept.
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise InvalidRecordError(self._name, key, f"holds a {type(value).__name__} instead of a {kind.__name__}")
        return value
