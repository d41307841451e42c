"""The order to compare the interfaces of two builds of a library, and what came of it. Values only.

Equal symbols are not an equal interface: `int area(int)` and `int area(double)` export the same name.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

from farm.core.names.digest import Digest
from farm.core.names.form import Form, Minimum
from farm.core.names.json_reader import InvalidRecordError
from farm.core.plan.job import DependencyArchive
from farm.core.recipe.recipe import Limits

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_REPORT_LINES = 40
"""Lines of a comparison's report that an outcome carries; the whole report is in the log."""
MOST_LINE = 300
"""Characters of such a line."""
MOST_UNDESCRIBED = 20
"""Symbols without debug data that an outcome names; how many there are it says besides."""
RULE = 3
"""By what comparisons are judged; raised when the same two libraries may come to another verdict.

Since 2, types that no installed header defines are left out, rather than those in files that no header is called as.
Symbols that debug data do not describe are counted. Since 3, typedefs are never left out, names of code that has
several are compared wherever they lead, bases and virtual functions of classes are read from the descriptions too, and
what the tool stumbles over in both libraries alike is unreadable.
"""


class AbiVerdict(StrEnum):
    """What a comparison says of programs that were built against the old library and load the new one."""

    COMPATIBLE = "compatible"  # nothing was taken away or changed that the comparison can see
    CHANGED = "changed"  # a type, a function or a variable has changed: what uses it may misbehave
    NOT_JUDGED = "not-judged"  # the comparison came to no end
    UNREADABLE = "unreadable"  # the tool crashes on both libraries alike: as little is known as without debug data


@dataclass(frozen=True, slots=True)
class AbiSide(Form, record="side of a comparison", omitted={"headers"}):
    """One of the two libraries: its path in `package`, and where its debug data and public headers are.

    `headers` are the packages of the build that have public headers; where there are none, private types count like
    public ones.
    """

    library: str
    package: DependencyArchive
    debug: DependencyArchive
    headers: tuple[DependencyArchive, ...] = ()

    @property
    def archives(self) -> Iterator[DependencyArchive]:
        """The packages that have to be there, some perhaps twice."""
        yield self.package
        yield self.debug
        yield from self.headers

    def check(self) -> None:
        """Refuse a library that is not in its package. Raises `InvalidRecordError`."""
        if self.library.startswith("/") or ".." in self.library.split("/"):
            raise InvalidRecordError("side of a comparison", "library", "is not a path in a package")

    def to_dict(self) -> dict[str, Any]:
        """Return the side as JSON values; a single package of headers as it was when there was one at most."""
        form = Form.to_dict(self)
        return form | ({"headers": form["headers"][0]} if len(self.headers) == 1 else {})

    @classmethod
    def from_dict(cls, value: Any) -> AbiSide:
        """Read what `to_dict` gave; raises `InvalidRecordError`, `InvalidDigestError`."""
        is_single = isinstance(value, dict) and isinstance(value.get("headers"), dict)
        return super(AbiSide, cls).from_dict({**value, "headers": [value["headers"]]} if is_single else value)


@dataclass(frozen=True, slots=True)
class AbiOrder(Form, record="order of a comparison"):
    """The order to a worker to compare two builds of a library with the tools of a toolchain (its tree).

    `rule` is part of it so that no verdict by an older one is taken for an answer.
    """

    before: AbiSide
    after: AbiSide
    toolchain: Digest
    limits: Limits
    rule: Annotated[int, Minimum(2)] = RULE

    @property
    def digest(self) -> Digest:
        """The digest of the canonical JSON: the same comparison has one subject."""
        return Digest.of_json(self.to_dict())

    def check(self) -> None:
        """Refuse a rule that this program does not know. Raises `InvalidRecordError`."""
        if self.rule > RULE:  # a comparison by another rule would answer another question
            raise InvalidRecordError("order of a comparison", "rule", f"is {self.rule}, and this program knows {RULE}")

    def to_dict(self) -> dict[str, Any]:
        """Return the order as JSON values; the first rule is not written, as older farms wrote none."""
        form = Form.to_dict(self)
        return {key: value for key, value in form.items() if key != "rule" or value > 1}

    @classmethod
    def from_dict(cls, value: Any) -> AbiOrder:
        """Read what `to_dict` gave; raises `InvalidRecordError`, `InvalidDigestError`."""
        if not isinstance(value, dict) or "rule" in value:
            return super(AbiOrder, cls).from_dict(value)
        # Older farms wrote no rule: theirs is the first.
        return replace(super(AbiOrder, cls).from_dict({**value, "rule": RULE}), rule=1)


@dataclass(frozen=True, slots=True)
class UndescribedSymbols(Form, record="symbols that were not compared"):
    """How many symbols of the old library were not compared, and the first of them.

    Debug data do not describe them on both sides, or describe them as names of different code and tell too little.
    """

    count: int = 0
    names: tuple[str, ...] = ()

    def check(self) -> None:
        """Refuse more or longer names than an outcome may carry. Raises `InvalidRecordError`."""
        if len(self.names) > min(MOST_UNDESCRIBED, self.count) or any(len(name) > MOST_LINE for name in self.names):
            raise InvalidRecordError("outcome of a comparison", "undescribed", "is longer than it may be")


@dataclass(frozen=True, slots=True)
class AbiOutcome(Form, record="outcome of a comparison", omitted={"undescribed", "attestation"}):
    """What a comparison came to.

    `report` are lines of the tool for people, and nothing is decided by them; `reason` says in a sentence why nothing
    was judged. `exit` is the tool's status, `log` the blob of all that it printed. `attestation` is the worker's signed
    statement of all this; older workers made none.
    """

    verdict: AbiVerdict
    exit: Annotated[int, Minimum(-255)]
    log: Digest
    report: tuple[str, ...] = ()
    reason: str = ""
    undescribed: UndescribedSymbols = UndescribedSymbols()
    attestation: Digest | None = None

    def check(self) -> None:
        """Refuse a longer report than an outcome may carry. Raises `InvalidRecordError`."""
        if len(self.report) > MOST_REPORT_LINES or any(len(line) > MOST_LINE for line in self.report):
            raise InvalidRecordError("outcome of a comparison", "report", "is longer than a report may be")
