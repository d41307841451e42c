"""Reads rows: many values at a time, and as frozen values that outlive their session.

A row belongs to its session, and raises once that has ended. Other subpackages get a `Record`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields
from enum import Enum
from functools import cache
from operator import attrgetter
from types import MappingProxyType, NoneType
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    NamedTuple,
    Self,
    TypeVar,
    TypeVarTuple,
    get_args,
    get_type_hints,
    overload,
)

from sqlmodel import col

from farm.core.names.digest import Digest
from farm.core.plan.job import BlobRef

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlmodel import Session
    from sqlmodel.sql.expression import Select, SelectOfScalar

    from farm.server.tables.columns import Row

MOST_PARAMETERS = 500

Value = TypeVar("Value", str, int)
_Found = TypeVar("_Found")
_Columns = TypeVarTuple("_Columns")
# Another process may have changed a row that this transaction has read before.
_FRESH = {"populate_existing": True}


def in_parts(values: Iterable[Value], size: int = MOST_PARAMETERS) -> Iterator[list[Value]]:
    """Return the values sorted, each once, in lists of at most `size`, which every database takes in one `IN (…)`."""
    ordered = sorted(set(values))
    for start in range(0, len(ordered), size):
        yield ordered[start : start + size]


@overload
def rows_with(
    session: Session, query: SelectOfScalar[_Found], column: Any, values: Iterable[str] | Iterable[int]
) -> Iterator[_Found]: ...
@overload
def rows_with(
    session: Session, query: Select[*_Columns], column: Any, values: Iterable[str] | Iterable[int]
) -> Iterator[tuple[*_Columns]]: ...
def rows_with(session: Session, query: Any, column: Any, values: Iterable[Any]) -> Iterator[Any]:
    """Yield the results of a query for which `column` has one of these values, however many."""
    for part in in_parts(values):
        yield from session.exec(query.where(col(column).in_(part)), execution_options=_FRESH)


class ColumnText(NamedTuple):
    """How a value is read from the text of a column, and written to it."""

    read: Callable[[str], Any]
    write: Callable[[Any], str]


JSON_OBJECT = ColumnText(
    read=lambda text: MappingProxyType(json.loads(text)), write=lambda value: json.dumps(dict(value), sort_keys=True)
)
JSON_LIST = ColumnText(read=lambda text: tuple(json.loads(text)), write=lambda values: json.dumps(list(values)))


class Record:
    """A frozen dataclass that is read from a row, each field from the column of its name:

        @dataclass(frozen=True, slots=True, kw_only=True)
        class Attestation(Record, columns={"at": "attested_at"}):
            package: Digest
            provenance: BlobRef
            at: datetime

        Attestation.first(session, select(AttestationRow))
        session.add(AttestationRow(**attestation.columns()))

    `columns` names the column of a field where it has another name; `texts` says how a value that a column holds as
    text is read and written. A `BlobRef` is two columns: its digest, and the size under the field's name with `_size`.
    A record within a record is read from the same row.
    """

    __slots__ = ()
    _columns: ClassVar[dict[str, str]] = {}
    _texts: ClassVar[dict[str, ColumnText]] = {}

    def __init_subclass__(
        cls, *, columns: dict[str, str] | None = None, texts: dict[str, ColumnText] | None = None, **form: Any
    ) -> None:
        super().__init_subclass__(**form)
        cls._columns = columns or cls._columns
        cls._texts = texts or cls._texts

    @classmethod
    def of(cls, row: Row) -> Self:
        """Return the record of a row."""
        return cls(**{member.field: member.read(row) for member in _members(cls)})

    @classmethod
    def first(cls, session: Session, query: SelectOfScalar[Any]) -> Self | None:
        """Return the record of the first row that a query finds, as the transaction sees it now."""
        return cls.first_of(session, query.limit(1))

    @classmethod
    def first_of(cls, session: Session, query: SelectOfScalar[Any], **values: object) -> Self | None:
        """Return the record of the first row as `first` does, of a query that has a limit and these parameters.

        So a query of many conditions can be made once: that takes longer than to run it.
        """
        row = session.exec(query, params=values, execution_options=_FRESH).first()
        return None if row is None else cls.of(row)

    @classmethod
    def all(cls, session: Session, query: SelectOfScalar[Any]) -> list[Self]:
        """Return the records of all rows that a query finds, as the transaction sees them now."""
        return [cls.of(row) for row in session.exec(query, execution_options=_FRESH)]

    @classmethod
    def added(cls, session: Session, row: Row) -> Self:
        """Add a row, and return its record, with the number that the database gave it."""
        session.add(row)
        session.flush()
        return cls.of(row)

    def columns(self) -> dict[str, Any]:
        """Return the values of a row's columns by name, those that are None left out."""
        found: dict[str, Any] = {}
        for member in _members(type(self)):
            value = getattr(self, member.field)
            if member.field in self._texts:
                found[member.column] = self._texts[member.field].write(value)
            elif isinstance(value, Record):
                found |= value.columns()
            elif isinstance(value, BlobRef):
                found |= {member.column: value.digest, f"{member.field}_size": value.size}
            elif value is not None:
                found[member.column] = value
        return found


_Reader = Callable[[Any], Any]


class _Member(NamedTuple):
    field: str
    column: str
    read: _Reader


def _members_of(cls: Any) -> tuple[_Member, ...]:
    hints = get_type_hints(cls)
    members = []
    for field in fields(cls):
        column = cls._columns.get(field.name, field.name)
        text = cls._texts.get(field.name)
        read = _text_reader(column, text) if text else _reader(hints[field.name], field.name, column)
        members.append(_Member(field.name, column, read))
    return tuple(members)


_members: Callable[[Any], tuple[_Member, ...]] = cache(_members_of)


def _text_reader(column: str, text: ColumnText) -> _Reader:
    return lambda row: text.read(getattr(row, column))


def _reader(kind: Any, field: str, column: str) -> _Reader:
    """Return the function that reads a field of this type from a row. An empty digest is None."""
    plain = next((argument for argument in get_args(kind) if argument is not NoneType), kind)
    if not isinstance(plain, type):
        return attrgetter(column)
    if issubclass(plain, Record):
        return plain.of
    if plain is BlobRef:
        return _optional(column, lambda digest, row: BlobRef(Digest(digest), getattr(row, f"{field}_size")))
    if plain is Digest or issubclass(plain, Enum):
        return _optional(column, lambda value, _: plain(value), keeps_empty=plain is not Digest or plain is kind)
    return attrgetter(column)


def _optional(column: str, read: Callable[[Any, Any], Any], *, keeps_empty: bool = False) -> _Reader:
    def read_column(row: Any) -> Any:
        value = getattr(row, column)
        return None if value is None or (value == "" and not keeps_empty) else read(value, row)

    return read_column
