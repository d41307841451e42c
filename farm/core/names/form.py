"""The JSON form of a value, declared by its fields: exact keys, exact types, no extra or duplicate members.

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
from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Set


class InvalidRecordError(FarmError):
    """A JSON object is not the expected record; `key` is the member at fault."""

    code = "invalid-record"

    def __init__(self, record: str, key: str, why: str, *, remedy: str = "") -> None:
        super().__init__(f"{record}: {key!r} {why}" if key else f"{record}: {why}", remedy=remedy)
        self.key = key


class Minimum(NamedTuple):
    """The minimum of an integer: `Annotated[int, Minimum(1)]`. Without it, the minimum is 0."""

    least: int


class TextForm(NamedTuple):
    """The form of a value as text: `Annotated[datetime, TextForm(read_utc_text, utc_text)]`.

    `read` raises `ValueError` for a text that is not valid.
    """

    read: Callable[[str], Any]
    write: Callable[[Any], str]


class Form:
    """A frozen dataclass with a JSON form. Class arguments declare where the form differs from the fields.

    `record` is the name for errors ("source of a plan"); `keys` maps a field to its member where that is not the
    field's name with hyphens; `omitted` are fields that are not written where they have their default; `outside` are
    fields that are not part of the form; `constants` are members with a constant value (`{"format": 1}`). An
    `extensible` form ignores members that later versions may add. Fields are `str`, `bytes` (of text), `bool`, `int`,
    `datetime`, enumerations, `Literal` of text, `Digest` and other text types (with `parse`, or made from a string),
    other forms, and `tuple`, `Mapping[str, …]`, `frozenset` and `… | None` of these.
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
        extensible: bool = False,
    ) -> None:
        super().__init_subclass__()
        if record:
            cls._options = _Options(
                record, keys or {}, frozenset(omitted), frozenset(outside), constants or {}, extensible
            )

    def to_dict(self) -> dict[str, Any]:
        """Return the value as JSON values."""
        _, constants, _, written, omitted, _ = _shape(type(self))
        form = dict(constants)
        for field, key, write in written:
            form[key] = write(getattr(self, field)) if write else getattr(self, field)
        for field, key, write, default in omitted:
            if (value := getattr(self, field)) != default:
                form[key] = write(value) if write else value
        return form

    @classmethod
    def from_dict(cls, value: Any) -> Self:
        """Read the result of `to_dict`. Raises `InvalidRecordError`, and the errors of the text types in it."""
        record, constants, members, _, _, in_order = _shape(cls)
        if not isinstance(value, dict):
            raise InvalidRecordError(record, "", f"is a {type(value).__name__}, not an object")
        for key, constant in constants:
            if key not in value or type(value[key]) is not type(constant) or value[key] != constant:
                why = f"is {value.get(key)!r:.100}, this farm reads {constant!r}"
                raise InvalidRecordError(record, key, why, remedy="Upgrade the farm." if key == "format" else "")
        found: dict[str, Any] = {}
        key = ""
        try:
            for field, key, read, is_required in members:
                if key in value:
                    found[field] = read(value[key])
                elif is_required:
                    raise InvalidRecordError(record, key, "is missing")
        except _MismatchError as error:
            raise InvalidRecordError(record, key, str(error)) from None
        except (AttributeError, KeyError, TypeError) as error:
            # Readers in other packages take plain mappings and raise these errors when one has another shape.
            raise InvalidRecordError(record, key, f"has another shape than it should: {error}") from error
        if len(constants) + len(found) < len(value) and not cls._options.extensible:
            known = {member.key for member in members} | dict(constants).keys()
            raise InvalidRecordError(record, min(value.keys() - known, key=str), "is not known")
        # Positional arguments are faster than names, which matters for the thousands of entries of a release.
        made = cls(*found.values()) if in_order and len(found) == len(members) else cls(**found)
        made.check()
        return made

    def to_json(self) -> bytes:
        """Return the value as canonical JSON."""
        return canonical_json(self.to_dict())

    @classmethod
    def read_json(
        cls,
        content: bytes,
        error: Callable[[str], FarmError],
        *,
        canonical: bool = False,
        load: Callable[[bytes], Any] = json.loads,
    ) -> Self:
        """Read the result of `to_json`; `canonical` refuses the same value in other bytes. Raises `error`.

        `load` decodes the JSON, and may raise `ValueError` for what is too large.
        """
        record = cls._options.record
        try:
            value = cls.from_dict(load(content))
            is_same = not canonical or value.to_json() == content
        except (ValueError, RecursionError, InvalidRecordError, InvalidDigestError, NotCanonicalizableError) as problem:
            refused = error(f"this is not a valid {record}: {problem}")
            refused.remedy = refused.remedy or getattr(problem, "remedy", "")
            raise refused from problem
        if not is_same:
            raise error(f"the {record} is not in canonical form")
        return value

    def check(self) -> None:
        """Check the meaning of a value that was read; raises `InvalidRecordError`. Subclasses override it."""


_Converter = Callable[[Any], Any]
_Converters = tuple[_Converter, _Converter | None]
"""The functions that read a value from JSON and write it: None where it is JSON already."""


class _Options(NamedTuple):
    record: str
    keys: Mapping[str, str]
    omitted: frozenset[str]
    outside: frozenset[str]
    constants: Mapping[str, Any]
    extensible: bool


class _Member(NamedTuple):
    field: str
    key: str
    read: _Converter
    is_required: bool


class _MismatchError(Exception):
    """A JSON value has another type than the field; the text names the type."""


class _Shape(NamedTuple):
    """What is computed once for a class: tables for each value that is read or written.

    `written` has field, key and writer of the members that are always written, `omitted` of the others, with the
    default too. `in_order`: the members are the first arguments of the class's `__init__`.
    """

    record: str
    constants: tuple[tuple[str, Any], ...]
    members: tuple[_Member, ...]
    written: tuple[tuple[str, str, _Converter | None], ...]
    omitted: tuple[tuple[str, str, _Converter | None, Any], ...]
    in_order: bool


def _shape_of(cls: Any) -> _Shape:
    options, hints = cls._options, get_type_hints(cls, include_extras=True)
    members: list[_Member] = []
    written, omitted = [], []
    for field in fields(cls):
        if field.name in options.outside:
            continue
        key = options.keys.get(field.name, field.name.replace("_", "-"))
        kind, is_required = hints[field.name], field.name not in options.omitted
        default = field.default_factory() if field.default_factory is not MISSING else field.default
        if default is None and not is_required:  # only a missing member means None
            kind = _inside_optional(kind)
        read, write = _converters(kind)
        members.append(_Member(field.name, key, read, is_required))
        if is_required:
            written.append((field.name, key, write))
        else:
            omitted.append((field.name, key, write, default))
    leading = [field.name for field in fields(cls) if not field.kw_only][: len(members)]
    in_order = leading == [member.field for member in members]
    constants = tuple(options.constants.items())
    return _Shape(options.record, constants, tuple(members), tuple(written), tuple(omitted), in_order)


_shape: Callable[[Any], _Shape] = cache(_shape_of)


def _inside_optional(kind: Any) -> Any:
    (inside,) = (argument for argument in get_args(kind) if argument is not NoneType)
    return inside


def _converters(kind: Any) -> _Converters:
    """Return the functions that read a value of this type from JSON, and write it."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated and isinstance(arguments[1], TextForm):
        return _text_read_by(arguments[1].read), arguments[1].write
    if origin is Annotated:
        return _number_from(arguments[1].least), None
    if origin is Literal:
        return _one_of({word: word for word in arguments}), None
    if origin in (Union, UnionType):
        return _optional(_inside_optional(kind))
    return _container(origin, arguments) if origin else _plain(kind)


def _container(origin: Any, arguments: tuple[Any, ...]) -> _Converters:
    if origin is tuple:
        return _list_of(arguments[0]) if arguments[1:] == (...,) else _fixed_list(arguments)
    return _set_of(arguments[0]) if origin is frozenset else _object_of(arguments[1])


def _writing(kind: Any) -> tuple[_Converter, _Converter]:
    read, write = _converters(kind)
    return read, write or _as_is


def _as_is(value: Any) -> Any:
    return value


def _of_type(kind: type) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        # A JSON true is a Python int, which isinstance would accept.
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise _MismatchError(f"holds a {type(value).__name__} instead of a {kind.__name__}")
        return value

    return read


_read_text = _of_type(str)
_read_list = _of_type(list)
_read_object = _of_type(dict)


def _number_from(least: int) -> Callable[[Any], int]:
    read_number = _of_type(int)

    def read(value: Any) -> int:
        number: int = value if type(value) is int else read_number(value)
        if number < least:
            raise _MismatchError(f"is {number}, below {least}")
        return number

    return read


def _text_read_by(parse: Callable[[str], Any]) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        try:
            return parse(value if isinstance(value, str) else _read_text(value))
        except ValueError as error:
            raise _MismatchError(f"is {value!r:.100}: {error}") from error

    return read


def _one_of(by_value: Mapping[Any, Any]) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        if not isinstance(value, str | int) or value not in by_value:
            raise _MismatchError(f"is {value!r:.100}, not one of {', '.join(map(str, by_value))}")
        return by_value[value]

    return read


def _optional(kind: Any) -> _Converters:
    read, write = _converters(kind)
    return (
        lambda value: None if value is None else read(value),
        (lambda value: None if value is None else write(value)) if write else None,
    )


def _list_of(kind: Any) -> _Converters:
    read, write = _converters(kind)
    return lambda value: tuple(map(read, _read_list(value))), (lambda value: list(map(write, value))) if write else list


def _set_of(kind: Any) -> _Converters:
    read, write = _writing(kind)
    return lambda value: frozenset(map(read, _read_list(value))), lambda value: sorted(map(write, value))


def _fixed_list(kinds: tuple[Any, ...]) -> _Converters:
    readers, writers = zip(*map(_writing, kinds), strict=True)

    def read(value: Any) -> tuple[Any, ...]:
        if len(_read_list(value)) != len(readers):
            raise _MismatchError(f"has an item of {len(value)} parts, not {len(readers)}")
        return tuple(reader(part) for reader, part in zip(readers, value, strict=True))

    return read, lambda value: [writer(part) for writer, part in zip(writers, value, strict=True)]


def _named_tuple(kind: Any) -> _Converters:
    hints = get_type_hints(kind, include_extras=True)
    read, write = _fixed_list(tuple(hints[name] for name in kind._fields))
    return lambda value: kind(*read(value)), write


def _object_of(kind: Any) -> _Converters:
    read, write = _writing(kind)
    return (
        lambda value: {key: read(item) for key, item in _read_object(value).items()},
        lambda value: {key: write(item) for key, item in value.items()},
    )


_PLAIN: Mapping[Any, _Converters] = {
    Any: (_as_is, None),
    int: (_number_from(0), None),
    str: (_read_text, None),
    bool: (_of_type(bool), None),
    bytes: (_text_read_by(str.encode), bytes.decode),
    datetime: (_text_read_by(datetime.fromisoformat), datetime.isoformat),
}


def _plain(kind: Any) -> _Converters:
    if kind in _PLAIN:
        return _PLAIN[kind]
    if hasattr(kind, "from_dict"):
        return kind.from_dict, kind.to_dict
    if issubclass(kind, Enum):
        return _one_of({member.value: member for member in kind}), lambda value: value.value
    if issubclass(kind, tuple):  # a named one
        return _named_tuple(kind)
    if hasattr(kind, "to_dict"):
        raise TypeError(f"a {kind.__name__} is not text, and declares no form")
    return _text_read_by(getattr(kind, "parse", kind)), None if issubclass(kind, str) else str
