"""Matching packages with advisories, and advisories with statements that dismiss them. Pure: no clock, no I/O."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

from farm.core.advisories.severity import SEVERITIES, at_least, worst
from farm.core.names.version import Version

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from farm.core.advisories.severity import Severity

EventKind: TypeAlias = Literal["introduced", "fixed", "last_affected"]
Status: TypeAlias = Literal["not_affected", "affected", "fixed", "under_investigation"]

# At equal versions a fix comes before a new introduction: then the version counts as affected.
_ORDER: tuple[EventKind, ...] = ("last_affected", "fixed", "introduced")


@dataclass(frozen=True, slots=True)
class Bound:
    """A version in an advisory, `1.7.1-2`, or `1.7.1` for all its revisions. None comes before all versions (`0`)."""

    version: Version | None
    revision: int | None = None

    @classmethod
    def parse(cls, text: str) -> Bound:
        """Read a bound; raises `InvalidVersionError`."""
        if text == "0":
            return cls(None)
        version, dash, revision = text.rpartition("-")
        if dash and revision.isdecimal() and len(revision) <= 9:
            return cls(Version(version), int(revision))
        return cls(Version(text))

    def is_reached_by(self, version: Version, revision: int) -> bool:
        """Return whether a package of this version comes after the bound, or equals it."""
        if self.version is None or self.version < version:
            return True
        return self.version == version and (self.revision is None or self.revision <= revision)

    def is_passed_by(self, version: Version, revision: int) -> bool:
        """Return whether a package of this version comes after the bound, and after all its revisions."""
        if self.version is None or self.version < version:
            return True
        return self.version == version and self.revision is not None and self.revision < revision

    def is_at(self, version: Version, revision: int) -> bool:
        """Return whether a package of this version equals the bound."""
        return self.version == version and self.revision in (None, revision)

    def __str__(self) -> str:
        if self.version is None:
            return "0"
        return str(self.version) if self.revision is None else f"{self.version}-{self.revision}"


@dataclass(frozen=True, slots=True)
class Event:
    """A change at a position in the order of versions."""

    kind: EventKind
    bound: Bound


@dataclass(frozen=True, slots=True)
class Affected:
    """A package in an advisory: its affected ranges of versions, each a list of events, and single versions.

    `package` is the short name of a package of the distribution, the full name of an imported one.
    """

    package: str
    ranges: tuple[tuple[Event, ...], ...]
    versions: tuple[Bound, ...]
    severity: Severity

    def holds_for(self, version: Version, revision: int) -> bool:
        """Return whether a package of this version is affected."""
        named = any(bound.is_at(version, revision) for bound in self.versions)
        return named or any(_is_inside(events, version, revision) for events in self.ranges)

    def fixed_for(self, version: Version, revision: int) -> str:
        """Return the first version after this one that is not affected; empty where none is known."""
        for events in self.ranges:
            for event in _in_order(events) if _is_inside(events, version, revision) else ():
                if event.kind == "fixed" and not event.bound.is_reached_by(version, revision):
                    return str(event.bound)
        return ""


@dataclass(frozen=True, slots=True)
class Advisory:
    """A security advisory about packages of one distribution. `ids` are its id and its aliases."""

    id: str
    aliases: tuple[str, ...]
    summary: str
    published: datetime
    modified: datetime
    withdrawn: datetime | None
    affected: tuple[Affected, ...]

    @property
    def ids(self) -> frozenset[str]:
        """Its id and aliases: the names by which statements refer to it."""
        return frozenset((self.id, *self.aliases))

    @property
    def severity(self) -> Severity:
        """The worst severity for any package."""
        return worst(tuple(affected.severity for affected in self.affected))

    @property
    def packages(self) -> tuple[str, ...]:
        """The names of the packages that it affects, short for those of its own distribution, sorted."""
        return tuple(sorted({affected.package for affected in self.affected}))

    def as_imported_by(self, owner: str) -> Advisory:
        """Return the advisory as importing distributions read it: about packages of `owner`, by their full names."""
        own = tuple(
            replace(affected, package=f"{owner}/{affected.package}")
            for affected in self.affected
            if "/" not in affected.package
        )
        return replace(self, affected=own)


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement (OpenVEX) about a vulnerability in a package; with `version` None, about all versions."""

    vulnerability: str
    aliases: tuple[str, ...]
    package: str
    version: Bound | None
    status: Status
    justification: str
    at: datetime

    def applies_to(self, advisory: Advisory, package: str, version: Version, revision: int) -> bool:
        """Return whether the statement is about this advisory in this package."""
        if self.package != package or not advisory.ids & {self.vulnerability, *self.aliases}:
            return False
        return self.version is None or self.version.is_at(version, revision)

    def as_imported_by(self, owner: str) -> Statement | None:
        """Return the statement as importing distributions read it: about a package of `owner`, by its full name."""
        return None if "/" in self.package else replace(self, package=f"{owner}/{self.package}")


@dataclass(frozen=True, slots=True)
class AdvisoryFinding:
    """An advisory that holds for a package. `fixed` is the version with the fix, if one is known.

    `statement` is the newest statement about it; with `not_affected` or `fixed` there is nothing to do.
    """

    advisory: Advisory
    package: str
    version: Version
    revision: int
    severity: Severity
    fixed: str
    statement: Statement | None

    @property
    def stands(self) -> bool:
        """Whether no statement dismisses it."""
        return self.statement is None or self.statement.status not in ("not_affected", "fixed")


def find(
    advisories: Iterable[Advisory],
    statements: Sequence[Statement],
    packages: Iterable[tuple[str, Version, int]],
) -> list[AdvisoryFinding]:
    """Return the advisories that packages (short name, version, revision) match, also those that statements dismiss.

    The worst come first, then by package and advisory. Withdrawn advisories match nothing.
    """
    by_name = {name: (version, revision) for name, version, revision in packages}
    found = []
    for advisory in advisories:
        if advisory.withdrawn is None:
            found += [
                finding for name in advisory.packages if (finding := _finding(advisory, statements, name, by_name))
            ]
    return sorted(
        found, key=lambda finding: (-SEVERITIES.index(finding.severity), finding.package, finding.advisory.id)
    )


def blocking(
    advisories: Iterable[Advisory],
    statements: Sequence[Statement],
    packages: Iterable[tuple[str, Version, int]],
    least: Severity,
) -> list[AdvisoryFinding]:
    """Return the findings that block a channel with this limit of severity: of `find`, the undismissed."""
    return [
        finding
        for finding in find(advisories, statements, packages)
        if finding.stands and at_least(finding.severity, least)
    ]


def _finding(
    advisory: Advisory, statements: Sequence[Statement], name: str, packages: dict[str, tuple[Version, int]]
) -> AdvisoryFinding | None:
    if name not in packages:
        return None
    version, revision = packages[name]
    here = [
        affected for affected in advisory.affected if affected.package == name and affected.holds_for(version, revision)
    ]
    if not here:
        return None
    fixes = [fixed for affected in here if (fixed := affected.fixed_for(version, revision))]
    about = [statement for statement in statements if statement.applies_to(advisory, name, version, revision)]
    newest = max(about, key=lambda statement: statement.at, default=None)
    severity = worst(tuple(affected.severity for affected in here))
    return AdvisoryFinding(advisory, name, version, revision, severity, fixes[0] if fixes else "", newest)


def _is_inside(events: tuple[Event, ...], version: Version, revision: int) -> bool:
    # The algorithm of the OSV schema, section "Evaluation".
    inside = False
    for event in _in_order(events):
        reached = event.bound.is_passed_by if event.kind == "last_affected" else event.bound.is_reached_by
        if reached(version, revision):
            inside = event.kind == "introduced"
    return inside


def _in_order(events: tuple[Event, ...]) -> list[Event]:
    def key(event: Event) -> tuple[bool, Version, float, int]:
        bound = event.bound
        # A bound without a revision comes before the first revision; as `last_affected` it comes after all of them.
        last = float("inf") if event.kind == "last_affected" else -1.0
        revision = last if bound.revision is None else float(bound.revision)
        return bound.version is not None, bound.version or Version("0"), revision, _ORDER.index(event.kind)

    return sorted(events, key=key)
