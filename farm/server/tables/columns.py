"""The base of every row, and the types of columns that are checked when they are written and read."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar, TypeVar

from sqlalchemy import DateTime, MetaData, String
from sqlalchemy.orm import declared_attr
from sqlalchemy.types import TypeDecorator
from sqlmodel import Field, SQLModel

if TYPE_CHECKING:
    from sqlalchemy import Dialect


_CAPITAL = re.compile(r"(?<!^)(?=[A-Z])")
_Member = TypeVar("_Member", bound=StrEnum)


class Row(SQLModel):
    """Base of all rows. Constraint names follow one rule, so that a migration can name what it changes.

    The table of `FlakyTestRow` is `flaky_test`, unless its `__tablename__` says otherwise.
    """

    metadata: ClassVar[MetaData] = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )

    @declared_attr.directive
    def __tablename__(cls) -> str:  # noqa: N805  (called with the class)
        return _CAPITAL.sub("_", cls.__name__.removesuffix("Row")).lower()


class NumberedRow(Row):
    """Base of rows whose key is a number that the database gives them."""

    id: int | None = Field(default=None, primary_key=True)


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in UTC: `timestamptz` in PostgreSQL, ISO text without offset (which sorts by time) in SQLite."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Convert to UTC for the database; a time without a zone is a programming error (`ValueError`)."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} has no time zone")
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Return the moment with its zone, UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Enumerated(TypeDecorator[_Member]):
    """A member of an enumeration, stored as its text. Another text is refused on writing and reading: `ValueError`."""

    impl = String
    cache_ok = True

    def __init__(self, members: type[_Member]) -> None:
        super().__init__()
        self.members = members

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Give the database the text of a member."""
        return None if value is None else self.members(value).value

    def process_result_value(self, value: str | None, dialect: Dialect) -> _Member | None:  # noqa: ARG002
        """Return the member."""
        return None if value is None else self.members(value)
