"""The form of in-toto statements, which all attestations here have: https://in-toto.io/Statement/v1."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

from farm.core.names.digest import Digest
from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"


def make_statement(
    predicate_type: str, subjects: Iterable[Mapping[str, Any]], predicate: Mapping[str, Any]
) -> dict[str, Any]:
    """Return a statement about subjects, each a `resource`."""
    return {
        "_type": STATEMENT_TYPE,
        "subject": list(subjects),
        "predicateType": predicate_type,
        "predicate": dict(predicate),
    }


def predicate_type_of(statement: Mapping[str, Any]) -> str:
    """Return the predicate type of a statement; empty for what is not an in-toto statement of version 1."""
    return str(statement.get("predicateType")) if statement.get("_type") == STATEMENT_TYPE else ""


def check_type(statement: Mapping[str, Any], *types: str, refused: Callable[[str], FarmError]) -> str:
    """Return the predicate type of a statement, which is one of these. Raises what `refused` makes of the reason."""
    found = predicate_type_of(statement)
    if found not in types:
        raise refused("the statement has another type")
    return found


@contextmanager
def reading_statement(refused: Callable[[str], FarmError]) -> Iterator[None]:
    """Make one error of all that the content of a statement can cause: what `refused` makes of the reason."""
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError, FarmError) as error:
        raise refused(f"the statement cannot be read: {_reason(error):.200}") from error


def _reason(error: Exception) -> str:
    """Return in words why a statement cannot be read."""
    match error:
        case FarmError():
            return error.message
        case KeyError():
            return f"it lacks {error.args[0]!r}"
        case ValueError():
            return str(error)
    return "a value in it has another type than it should"


def resource(name: str, digest: Digest) -> dict[str, Any]:
    """Return a resource descriptor: `{"name": "dist.example/jq 1.7.1-1", "digest": {"sha256": "…"}}`."""
    return {"name": name, **digest_set(digest)}


def digest_set(digest: Digest) -> dict[str, Any]:
    """Return the member of a resource descriptor that identifies it."""
    return {"digest": {"sha256": digest.hex}}


def digest_of(resource: Any) -> Digest:
    """Read the digest of a resource descriptor. Raises `LookupError`, `TypeError`, `InvalidDigestError`."""
    return Digest.from_hex(resource["digest"]["sha256"])


def read_time(text: Any) -> datetime:
    """Read a time that names its zone. Raises `ValueError`, `TypeError`."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"{text[:40]!r} names no time zone")
    return at
