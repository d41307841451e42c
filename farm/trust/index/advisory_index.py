"""The signed list of a distribution's advisories: their ids, packages and blobs.

It is small, so that a client fetches only the advisories about its packages. What was listed once stays listed: an
advisory is withdrawn by its own `withdrawn`. Pure except for `read`, which returns the verified bytes of a blob.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.core.advisories.openvex import LARGEST_STATEMENTS, read_published, write_openvex
from farm.core.advisories.osv import LARGEST_ADVISORY, InvalidAdvisoryError, read_osv
from farm.core.names.form import Form, InvalidRecordError
from farm.core.plan.job import BlobRef
from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from farm.core.advisories.matching import Advisory, Statement

LARGEST_INDEX = 16 * 1024 * 1024


class InvalidAdvisoryIndexError(FarmError):
    """A list of advisories cannot be read, contradicts what it lists, or leaves out what was published."""

    code = "invalid-advisory-index"


@dataclass(frozen=True, slots=True, order=True)
class ListedAdvisory(Form, record="listed advisory"):
    """One advisory: its blob, in OSV's form, and the packages (short names) that it is about, sorted."""

    id: str
    document: BlobRef
    packages: tuple[str, ...]

    def check(self) -> None:
        """Refuse a document that is larger than an advisory may be. Raises `InvalidRecordError`."""
        if self.document.size > LARGEST_ADVISORY:
            raise InvalidRecordError("listed advisory", "document", f"has {self.document.size} bytes")


@dataclass(frozen=True, slots=True)
class AdvisoryIndex(Form, record="list of advisories", constants={"format": 1}):
    """All advisories of a distribution, sorted by id; `statements` is the blob of statements on them (OpenVEX)."""

    distribution: str
    advisories: tuple[ListedAdvisory, ...]
    statements: BlobRef | None = None

    @classmethod
    def from_json(cls, content: bytes) -> AdvisoryIndex:
        """Read canonical JSON, which is the target's content. Raises `InvalidAdvisoryIndexError`."""
        return cls.read_json(content, InvalidAdvisoryIndexError, canonical=True)

    def check(self) -> None:
        """Refuse a list in another order, or one that names too large a document. Raises `InvalidRecordError`."""
        ids = [advisory.id for advisory in self.advisories]
        if ids != sorted(set(ids)):
            raise InvalidRecordError("list of advisories", "advisories", "is not sorted by id, or names one twice")
        if self.statements and self.statements.size > LARGEST_STATEMENTS:
            why = f"has {self.statements.size} bytes, and {LARGEST_STATEMENTS} is the most"
            raise InvalidRecordError("list of advisories", "statements", why)

    def about(self, packages: set[str]) -> tuple[ListedAdvisory, ...]:
        """Return the advisories about any of these packages (short names)."""
        return tuple(advisory for advisory in self.advisories if packages.intersection(advisory.packages))


def open_advisory(listed: ListedAdvisory, distribution: str, read: Callable[[BlobRef], bytes]) -> Advisory:
    """Return a listed advisory. Raises `InvalidAdvisoryIndexError` when it is not the one that is listed."""
    try:
        advisory = read_osv(read(listed.document), distribution)
    except InvalidAdvisoryError as error:
        raise InvalidAdvisoryIndexError(f"the listed advisory {listed.id} cannot be read: {error.message}") from error
    if (advisory.id, advisory.packages) != (listed.id, listed.packages):
        raise InvalidAdvisoryIndexError(
            f"the list has another id or other packages for {listed.id} than the advisory itself"
        )
    return advisory


def check_index(new: AdvisoryIndex, before: AdvisoryIndex | None, read: Callable[[BlobRef], bytes]) -> None:
    """Refuse a list that may not follow `before`: nothing may be left out or older, and every new blob must be valid.

    Raises `InvalidAdvisoryIndexError`, and what `read` raises.
    """
    known = {advisory.id: advisory for advisory in before.advisories} if before else {}
    if before and before.distribution != new.distribution:
        raise InvalidAdvisoryIndexError(f"the list is of {new.distribution}, not of {before.distribution}")
    for listed in new.advisories:
        old = known.pop(listed.id, None)
        if old == listed:
            continue
        advisory = open_advisory(listed, new.distribution, read)
        if old and advisory.modified < open_advisory(old, new.distribution, read).modified:
            raise InvalidAdvisoryIndexError(f"{listed.id} is older than what is published")
    if known:
        raise InvalidAdvisoryIndexError(
            f"the list leaves out {', '.join(sorted(known))}", remedy="Take an advisory back by its `withdrawn`."
        )
    if new.statements:
        try:
            read_published(read(new.statements), new.distribution)
        except InvalidAdvisoryError as error:
            raise InvalidAdvisoryIndexError(f"the statements cannot be read: {error.message}") from error


def check_newer(
    new: ListedAdvisory, before: ListedAdvisory, distribution: str, read: Callable[[BlobRef], bytes]
) -> None:
    """Refuse an advisory that differs from the one `before` it, and is not newer.

    Raises as `open_advisory`.
    """
    if open_advisory(new, distribution, read).modified <= open_advisory(before, distribution, read).modified:
        raise InvalidAdvisoryIndexError(f"{new.id} differs from what is published, and is not newer")


def key_of(statement: Statement) -> tuple[str, str, str]:
    """Return what a statement is about: of the statements with one key, the newest is in force."""
    return statement.vulnerability, statement.package, str(statement.version or "")


def in_force(statements: Sequence[Statement]) -> dict[tuple[str, str, str], Statement]:
    """Return the newest statement of each key, sorted by these; of two of one time the first."""
    newest: dict[tuple[str, str, str], Statement] = {}
    for statement in sorted(statements, key=lambda one: one.at, reverse=True):
        newest.setdefault(key_of(statement), statement)
    return dict(sorted(newest.items()))


def document_of(statements: Sequence[Statement], distribution: str) -> bytes:
    """Return the document that publishes statements, at least one; the same ones make the same."""
    newest: datetime = max(statement.at for statement in statements)
    return write_openvex(tuple(statements), distribution, at=newest)


def check_statements(content: bytes, before: bytes | None, distribution: str) -> tuple[Statement, ...]:
    """Return the new statements of a document that may follow the one `before`.

    It must hold nothing but statements, as the farm writes them, leave none out, and a changed statement must be newer
    than the one that it replaces. Raises `InvalidAdvisoryIndexError`, `InvalidAdvisoryError`.
    """
    new = read_published(content, distribution)
    if tuple(in_force(new).values()) != new or document_of(new, distribution) != content:
        raise InvalidAdvisoryIndexError("the document of statements is not as a farm writes it")
    there = in_force(new)
    known = in_force(read_published(before, distribution)) if before else {}
    if gone := known.keys() - there.keys():
        missing = "; ".join(" ".join(key).strip() for key in sorted(gone)[:3])
        raise InvalidAdvisoryIndexError(f"the statements leave out what is published: {missing}")
    changed = {key: statement for key, statement in there.items() if known.get(key) != statement}
    for key, statement in changed.items():
        if key in known and statement.at <= known[key].at:
            raise InvalidAdvisoryIndexError(
                f"the statement about {statement.vulnerability} in {statement.package} is not newer than what is "
                "published"
            )
    return tuple(changed.values())
