"""The JSON form of a value, declared by its fields: exact keys, exact types, nothing left over, nothing written twice.

A frozen dataclass that inherits from `Form` is read and written by its annotations:

    @dataclass(frozen=True, slots=True)
    class Listed(Form, record="listed advisory", omitted={"tests"}):
        id: str
        document: BlobRef
        packages: tuple[str, ...] = ()
        tests: Digest | None = None

    Listed.from_dict({"id": "CVE-2026-1", "document": {...}, "packages": []}).to_dict()
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from datetime import datetime
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    ClassVar,
    Literal,
    NamedTuple,
    Self,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from farm.core.names.canonical_json import NotCanonicalizableError, canonical_json
from farm.core.names.digest import InvalidDigestError
from farm.core.names.json_reader import InvalidRecordError

if TYPE_CHECKING:
    from collections.abc import Set

    from farm.errors import FarmError


class Minimum(NamedTuple):
    """The least that an integer may be: `Annotated[int, Minimum(1)]`. Without it, that is 0."""

    least: int


class Form:
    """A frozen dataclass with a JSON form. Class arguments say where the form is not the fields by their names.

    `record` is what errors call it ("source of a plan"); `keys` the member of a field where it is not the field's name
    with hyphens; `omitted` the fields that are not written where they have their default; `outside` those that are not
    part of the form; `constants` the members that are the same in each (`{"format": 1}`). Fields are `str`, `bytes`
    (of text), `bool`, `int`, `datetime`, enumerations, `Literal` of text, `Digest` and other text types (with `parse`,
    or made from a string), other forms, and `tuple`, `Mapping[str, …]`, `frozenset` and `… | None` of these.
    """

    __slots__ = ()
    _options: ClassVar[_Options]

    def __init_subclass__(
        cls,
        *,
        record: str = "",
        keys: Mapping[str, str] | None = None,
        omitted: Set[str] = frozenset(),
        outside: Set[str] = frozenset(),
        constants: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init_subclass__()
        if record:
            cls._options = _Options(record, keys or {}, frozenset(omitted), frozenset(outside), constants or {})

    def to_dict(self) -> dict[str, Any]:
        """Return the value as JSON values."""
        form = dict(self._options.constants)
        for member in _members(type(self)):
            value = getattr(self, member.field)
            if not (member.is_omitted and value == member.default):
                form[member.key] = member.write(value)
        return form

    @classmethod
    def from_dict(cls, value: Any) -> Self:
        """Read what `to_dict` gave. Raises `InvalidRecordError`, and the errors of the text types in it."""
        record = cls._options.record
        if not isinstance(value, dict):
            raise InvalidRecordError(record, "", f"is a {type(value).__name__}, not an object")
        found: dict[str, Any] = {}
        taken = 0
        for key, constant in cls._options.constants.items():
            if key not in value or type(value[key]) is not type(constant) or value[key] != constant:
                why = f"is {value.get(key)!r:.100}, this farm reads {constant!r}"
                raise InvalidRecordError(record, key, why, remedy="Upgrade the farm." if key == "format" else "")
            taken += 1
        for member in _members(cls):
            if member.key in value:
                taken += 1
                found[member.field] = _read(member, value[member.key], record)
            elif not member.is_omitted:
                raise InvalidRecordError(record, member.key, "is missing")
        if taken < len(value):
            known = {member.key for member in _members(cls)} | cls._options.constants.keys()
            raise InvalidRecordError(record, min(value.keys() - known, key=str), "is not known")
        made = cls(**found)
        made.check()
        return made

    def to_json(self) -> bytes:
        """Return the value as canonical JSON."""
        return canonical_json(self.to_dict())

    @classmethod
    def read_json(cls, content: bytes, error: type[FarmError], *, canonical: bool = False) -> Self:
        """Read what `to_json` gave; `canonical` refuses the same value in other bytes. Raises `error`."""
        record = cls._options.record
        try:
            value = cls.from_dict(json.loads(content))
            is_same = not canonical or value.to_json() == content
        except (ValueError, RecursionError, InvalidRecordError, InvalidDigestError, NotCanonicalizableError) as problem:
            refused = error(f"this is not a valid {record}: {problem}")
            refused.remedy = refused.remedy or getattr(problem, "remedy", "")
            raise refused from problem
        if not is_same:
            raise error(f"the {record} is not in canonical form")
        return value

    def check(self) -> None:
        """See that a value that was read means something; raises `InvalidRecordError`. For subclasses to say."""


_Converter = Callable[[Any], Any]
_Converters = tuple[_Converter, _Converter]


class _Options(NamedTuple):
    record: str
    keys: Mapping[str, str]
    omitted: frozenset[str]
    outside: frozenset[str]
    constants: Mapping[str, Any]


class _Member(NamedTuple):
    field: str
    key: str
    is_omitted: bool
    default: Any
    read: _Converter
    write: _Converter


class _MismatchError(Exception):
    """A value of JSON has another type than the field; the text says which."""


def _members_of(cls: Any) -> tuple[_Member, ...]:
    options, hints = cls._options, get_type_hints(cls, include_extras=True)
    members = []
    for field in fields(cls):
        if field.name in options.outside:
            continue
        key = options.keys.get(field.name, field.name.replace("_", "-"))
        default = field.default_factory() if field.default_factory is not MISSING else field.default
        members.append(
            _Member(field.name, key, field.name in options.omitted, default, *_converters(hints[field.name]))
        )
    return tuple(members)


_members: Callable[[Any], tuple[_Member, ...]] = cache(_members_of)


def _read(member: _Member, value: Any, record: str) -> Any:
    try:
        return member.read(value)
    except _MismatchError as error:
        raise InvalidRecordError(record, member.key, str(error)) from None
    except (AttributeError, KeyError, TypeError) as error:
        # Values of other rooms read plain mappings and say so when one has another shape.
        raise InvalidRecordError(record, member.key, f"has another shape than it should: {error}") from error


def _converters(kind: Any) -> _Converters:
    """Return how a value of this type is read from JSON, and how it is written."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Annotated, Literal):
        return _word_of(arguments) if origin is Literal else _number_from(arguments[1].least), _as_is
    if origin in (Union, UnionType):
        return _optional(*(argument for argument in arguments if argument is not NoneType))
    if origin is tuple:
        return _list_of(arguments[0]) if arguments[1:] == (...,) else _fixed_list(arguments)
    if origin is frozenset:
        return _set_of(arguments[0])
    if origin is not None:
        return _object_of(arguments[1])
    return _plain(kind)


def _as_is(value: Any) -> Any:
    return value


def _of_type(kind: type) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        # A JSON true is a Python int, which isinstance would let through.
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise _MismatchError(f"holds a {type(value).__name__} instead of a {kind.__name__}")
        return value

    return read


def _number_from(least: int) -> Callable[[Any], int]:
    read_number = _of_type(int)

    def read(value: Any) -> int:
        number: int = read_number(value)
        if number < least:
            raise _MismatchError(f"is {number}, below {least}")
        return number

    return read


def _text_read_by(parse: Callable[[str], Any]) -> Callable[[Any], Any]:
    read_text = _of_type(str)

    def read(value: Any) -> Any:
        text = read_text(value)
        try:
            return parse(text)
        except ValueError as error:
            raise _MismatchError(f"is {text!r:.100}: {error}") from error

    return read


def _word_of(words: tuple[Any, ...]) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        if not isinstance(value, str) or value not in words:
            raise _MismatchError(f"is {value!r:.100}, not one of {', '.join(words)}")
        return value

    return read


def _one_of(kind: type[Enum]) -> Callable[[Any], Enum]:
    by_value = {member.value: member for member in kind}

    def read(value: Any) -> Enum:
        if not isinstance(value, str | int) or value not in by_value:
            raise _MismatchError(f"is {value!r:.100}, not one of {', '.join(map(str, by_value))}")
        return by_value[value]

    return read


def _optional(kind: Any) -> _Converters:
    read, write = _converters(kind)
    return (
        lambda value: None if value is None else read(value),
        lambda value: None if value is None else write(value),
    )


def _list_of(kind: Any) -> _Converters:
    read, write = _converters(kind)
    read_list = _of_type(list)
    return lambda value: tuple(map(read, read_list(value))), lambda value: list(map(write, value))


def _set_of(kind: Any) -> _Converters:
    read, write = _converters(kind)
    read_list = _of_type(list)
    return lambda value: frozenset(map(read, read_list(value))), lambda value: sorted(map(write, value))


def _fixed_list(kinds: tuple[Any, ...]) -> _Converters:
    readers, writers = zip(*map(_converters, kinds), strict=True)
    read_list = _of_type(list)

    def read(value: Any) -> tuple[Any, ...]:
        if len(read_list(value)) != len(readers):
            raise _MismatchError(f"has an item of {len(value)} parts, not {len(readers)}")
        return tuple(reader(part) for reader, part in zip(readers, value, strict=True))

    return read, lambda value: [writer(part) for writer, part in zip(writers, value, strict=True)]


def _named_tuple(kind: Any) -> _Converters:
    hints = get_type_hints(kind, include_extras=True)
    read, write = _fixed_list(tuple(hints[name] for name in kind._fields))
    return lambda value: kind(*read(value)), write


def _object_of(kind: Any) -> _Converters:
    read, write = _converters(kind)
    read_object = _of_type(dict)
    return (
        lambda value: {key: read(item) for key, item in read_object(value).items()},
        lambda value: {key: write(item) for key, item in value.items()},
    )


_PLAIN: Mapping[Any, _Converters] = {
    Any: (_as_is, _as_is),
    int: (_number_from(0), _as_is),
    str: (_of_type(str), _as_is),
    bool: (_of_type(bool), _as_is),
    bytes: (_text_read_by(str.encode), bytes.decode),
    datetime: (_text_read_by(datetime.fromisoformat), datetime.isoformat),
}


def _plain(kind: Any) -> _Converters:
    if kind in _PLAIN:
        return _PLAIN[kind]
    if hasattr(kind, "from_dict"):
        return kind.from_dict, kind.to_dict
    if issubclass(kind, Enum):
        return _one_of(kind), lambda value: value.value
    if issubclass(kind, tuple):  # a named one
        return _named_tuple(kind)
    return _text_read_by(getattr(kind, "parse", kind)), _as_is if issubclass(kind, str) else str
