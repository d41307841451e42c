"""The order to compare the interfaces of two builds of a library, and what came of it. Values only.

Equal symbols are not an equal interface: `int area(int)` and `int area(double)` export the same name.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from farm.names import Digest, canonical_json
from farm.plan.job import DependencyArchive
from farm.plan.record import InvalidRecordError, Record
from farm.recipe import Limits

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_REPORT_LINES = 40
"""Lines of a comparison's report that an outcome carries; the whole report is in the log."""
MOST_LINE = 300
"""Characters of such a line."""


class AbiVerdict(StrEnum):
    """What a comparison says of programs that were built against the old library and load the new one."""

    COMPATIBLE = "compatible"  # nothing was taken away or changed that the comparison can see
    CHANGED = "changed"  # a type, a function or a variable has changed: what uses it may misbehave
    NOT_JUDGED = "not-judged"  # without debug data on both sides nothing is known


@dataclass(frozen=True, slots=True)
class AbiSide:
    """One of the two libraries: its path in `package`, and where its debug data and public headers are.

    `headers` is the package whose `include` has the public headers; None where no package of the build has any: then
    private types count like public ones.
    """

    library: str
    package: DependencyArchive
    debug: DependencyArchive
    headers: DependencyArchive | None = None

    @property
    def archives(self) -> Iterator[DependencyArchive]:
        """The packages that have to be there, some perhaps twice."""
        yield self.package
        yield self.debug
        if self.headers is not None:
            yield self.headers

    def to_dict(self) -> dict[str, Any]:
        """Return the side as JSON values; without `headers` where there are none."""
        known: dict[str, Any] = {
            "debug": self.debug.to_dict(),
            "library": self.library,
            "package": self.package.to_dict(),
        }
        return known | ({"headers": self.headers.to_dict()} if self.headers is not None else {})

    @classmethod
    def from_dict(cls, value: Any) -> AbiSide:
        """Read what `to_dict` gave; raises `InvalidRecordError`, `InvalidDigestError`."""
        has_headers = isinstance(value, dict) and "headers" in value
        record = Record(value, "side of a comparison")
        side = cls(
            library=record.text("library"),
            package=record.read("package", DependencyArchive.from_dict),
            debug=record.read("debug", DependencyArchive.from_dict),
            headers=record.read("headers", DependencyArchive.from_dict) if has_headers else None,
        )
        record.end()
        if side.library.startswith("/") or ".." in side.library.split("/"):
            raise InvalidRecordError("side of a comparison", "library", "is not a path in a package")
        return side


@dataclass(frozen=True, slots=True)
class AbiOrder:
    """All that a worker is told to compare two builds of a library with the tools of a toolchain, by its tree."""

    before: AbiSide
    after: AbiSide
    toolchain: Digest
    limits: Limits

    @property
    def digest(self) -> Digest:
        """The digest of the canonical JSON: the same comparison is one subject, whoever asks for it."""
        return Digest.of(canonical_json(self.to_dict()))

    def to_dict(self) -> dict[str, Any]:
        """Return the order as JSON values."""
        return {
            "after": self.after.to_dict(),
            "before": self.before.to_dict(),
            "limits": self.limits.to_dict(),
            "toolchain": self.toolchain,
        }

    @classmethod
    def from_dict(cls, value: Any) -> AbiOrder:
        """Read what `to_dict` gave; raises `InvalidRecordError`, `InvalidDigestError`."""
        record = Record(value, "order of a comparison")
        order = cls(
            before=record.read("before", AbiSide.from_dict),
            after=record.read("after", AbiSide.from_dict),
            toolchain=record.digest("toolchain"),
            limits=record.read("limits", Limits.from_dict),
        )
        record.end()
        return order


@dataclass(frozen=True, slots=True)
class AbiOutcome:
    """What a comparison came to.

    `report` are lines of the tool for people, and nothing is decided by them; `reason` says in a sentence why nothing
    was judged. `exit` is the tool's status, `log` the blob of all that it printed.
    """

    verdict: AbiVerdict
    exit: int
    log: Digest
    report: tuple[str, ...] = ()
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the outcome as JSON values."""
        return {
            "exit": self.exit,
            "log": self.log,
            "reason": self.reason,
            "report": list(self.report),
            "verdict": self.verdict.value,
        }

    @classmethod
    def from_dict(cls, value: Any) -> AbiOutcome:
        """Read what `to_dict` gave; raises `InvalidRecordError`, `InvalidDigestError`."""
        record = Record(value, "outcome of a comparison")
        outcome = cls(
            verdict=record.read("verdict", _verdict),
            exit=record.number("exit", minimum=-255),
            log=record.digest("log"),
            report=record.texts("report"),
            reason=record.text("reason"),
        )
        record.end()
        if len(outcome.report) > MOST_REPORT_LINES or any(len(line) > MOST_LINE for line in outcome.report):
            raise InvalidRecordError("outcome of a comparison", "report", "is longer than a report may be")
        return outcome


def _verdict(value: Any) -> AbiVerdict:
    try:
        return AbiVerdict(value)
    except ValueError:
        raise TypeError(f"{str(value)[:100]!r} is no verdict") from None
