"""The order to compare the interfaces of two builds of a library, and its outcome. Values only.

Equal symbols are not an equal interface: `int area(int)` and `int area(double)` export the same name.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

from farm.core.names.digest import Digest
from farm.core.names.form import Form, InvalidRecordError, Minimum
from farm.core.plan.job import DependencyArchive
from farm.core.recipe.recipe import Limits

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_REPORT_LINES = 40
"""The most lines of a comparison's report in an outcome; the whole report is in the log."""
MOST_LINE = 300
"""The most characters of such a line."""
MOST_UNDESCRIBED = 20
"""The most symbols without debug data that an outcome names; it has their number, too."""
RULE = 3
"""The version of the rules of comparison; raised when the verdict on the same two libraries may change.

Since 2, types that no installed header defines are left out, rather than those in files without the name of a header.
Symbols that debug data does not describe are counted. Since 3, typedefs are never left out, names of code with several
names are always compared, bases and virtual functions of classes are read from the descriptions too, and a crash of the
tool on both libraries is unreadable.
"""


class AbiVerdict(StrEnum):
    """The verdict of a comparison about programs that were built against the old library and load the new one."""

    COMPATIBLE = "compatible"  # nothing was taken away or changed that the comparison can see
    CHANGED = "changed"  # a type, a function or a variable has changed: its users may misbehave
    NOT_JUDGED = "not-judged"  # the comparison did not finish
    UNREADABLE = "unreadable"  # the tool crashes on both libraries: nothing is known, as without debug data


@dataclass(frozen=True, slots=True)
class AbiSide(Form, record="side of a comparison", omitted={"headers"}):
    """One of the two libraries: its path in `package`, and the packages with its debug data and public headers.

    `headers` are the packages of the build that have public headers; without any, private types count like public ones.
    """

    library: str
    package: DependencyArchive
    debug: DependencyArchive
    headers: tuple[DependencyArchive, ...] = ()

    @property
    def archives(self) -> Iterator[DependencyArchive]:
        """The packages that must be available, possibly with duplicates."""
        yield self.package
        yield self.debug
        yield from self.headers

    def check(self) -> None:
        """Refuse a library that is not in its package. Raises `InvalidRecordError`."""
        if self.library.startswith("/") or ".." in self.library.split("/"):
            raise InvalidRecordError("side of a comparison", "library", "is not a path in a package")

    def to_dict(self) -> dict[str, Any]:
        """Return the side as JSON values; a single package of headers has the older form, which allowed only one."""
        form = Form.to_dict(self)
        return form | ({"headers": form["headers"][0]} if len(self.headers) == 1 else {})

    @classmethod
    def from_dict(cls, value: Any) -> AbiSide:
        """Read the result of `to_dict`; raises `InvalidRecordError`, `InvalidDigestError`."""
        is_single = isinstance(value, dict) and isinstance(value.get("headers"), dict)
        return super(AbiSide, cls).from_dict({**value, "headers": [value["headers"]]} if is_single else value)


@dataclass(frozen=True, slots=True)
class AbiOrder(Form, record="order of a comparison"):
    """The order to a worker to compare two builds of a library with the tools of a toolchain (its tree).

    `rule` is part of it so that a verdict by older rules is not used as an answer.
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
        if self.rule > RULE:  # a comparison by other rules would answer another question
            raise InvalidRecordError("order of a comparison", "rule", f"is {self.rule}, and this program knows {RULE}")

    def to_dict(self) -> dict[str, Any]:
        """Return the order as JSON values; the first rule is not written, because older farms wrote none."""
        form = Form.to_dict(self)
        return {key: value for key, value in form.items() if key != "rule" or value > 1}

    @classmethod
    def from_dict(cls, value: Any) -> AbiOrder:
        """Read the result of `to_dict`; raises `InvalidRecordError`, `InvalidDigestError`."""
        if not isinstance(value, dict) or "rule" in value:
            return super(AbiOrder, cls).from_dict(value)
        # Older farms wrote no rule, which means the first.
        return replace(super(AbiOrder, cls).from_dict({**value, "rule": RULE}), rule=1)


@dataclass(frozen=True, slots=True)
class UndescribedSymbols(Form, record="symbols that were not compared"):
    """The number of symbols of the old library that were not compared, and the first of them.

    Debug data does not describe them on both sides, or describes them as names of different code with too little
    detail.
    """

    count: int = 0
    names: tuple[str, ...] = ()

    def check(self) -> None:
        """Refuse more or longer names than an outcome may carry. Raises `InvalidRecordError`."""
        if len(self.names) > min(MOST_UNDESCRIBED, self.count) or any(len(name) > MOST_LINE for name in self.names):
            raise InvalidRecordError("outcome of a comparison", "undescribed", "is longer than it may be")


@dataclass(frozen=True, slots=True)
class AbiOutcome(Form, record="outcome of a comparison", omitted={"undescribed", "attestation"}):
    """The outcome of a comparison.

    `report` are lines of the tool for people, which decide nothing; `reason` is a sentence that says why nothing was
    judged. `exit` is the tool's status, `log` the blob of its whole output. `attestation` is the worker's signed
    statement of the outcome; older workers made none.
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
