"""The findings of an audit: which advisories hold for which packages, since when, where they are fixed, and by what.

Plain values: `farm.client.audit.audit` makes them, `farm.client.findings.formats` writes them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from farm.core.names.printed_version import FIRST_BUILD, printed_version

if TYPE_CHECKING:
    from farm.client.repository.advisory_sources import AdvisorySource
    from farm.core.advisories.matching import AdvisoryFinding
    from farm.core.names.digest import Digest
    from farm.core.names.package_name import PackageName
    from farm.core.names.version import Version
    from farm.trust.index.release_index import Release

Kind: TypeAlias = Literal["root", "image", "channel", "container", "run"]
UnverifiedKind: TypeAlias = Literal["unknown-content", "no-advisories", "not-covered", "unknown-copies"]


@dataclass(frozen=True, slots=True)
class AuditedPackage:
    """A package that is audited.

    `store` is its directory under `/packages`, `descriptor` identifies its build: empty and None where only its version
    is known. `channel` is the subscription that it comes from, empty for a local build; `override` the reason why it
    replaces another.
    """

    name: PackageName
    version: Version
    revision: int
    store: str = ""
    descriptor: Digest | None = None
    channel: str = ""
    override: str = ""
    build: int = FIRST_BUILD

    @property
    def full_version(self) -> str:
        """Version, revision and build number, as users see them."""
        return printed_version(self.version, self.revision, self.build)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "name": str(self.name),
            "version": self.full_version,
            "channel": self.channel,
            "descriptor": self.descriptor,
            "override": self.override,
        }


@dataclass(frozen=True, slots=True)
class CopiedCode:
    """Code of a library that was linked into a package when it was built; `revision` is None where it is unknown."""

    library: PackageName
    version: str
    tree: Digest
    revision: int | None = None

    @property
    def full_version(self) -> str:
        """The version, with its revision where that is known."""
        return self.version if self.revision is None else printed_version(self.version, self.revision)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {"library": str(self.library), "version": self.full_version, "tree": self.tree}


@dataclass(frozen=True, slots=True)
class Exposed:
    """An advisory that holds for a package, or for code that the package carries.

    `carries` is set where the advisory is about a library whose code was linked into the package. `since` is the
    release that brought the package, as far as releases can be searched; `fixed_in` is the first of the unaffected
    releases up to the newest, None where the newest is affected; `command` is the command that installs the fix.
    """

    finding: AdvisoryFinding
    package: AuditedPackage
    since: Release | None
    fixed_in: Release | None
    command: str
    carries: CopiedCode | None = None

    @property
    def label(self) -> str:
        """The package for messages, with the code it carries: `jq 1.7.1-1 carries zlib 1.3-1 statically`."""
        package = f"{self.package.name.short} {self.package.full_version}"
        if self.carries is None:
            return package
        return f"{package} carries {self.carries.library.short} {self.carries.full_version} statically"

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        finding, statement = self.finding, self.finding.statement
        return {
            "package": self.package.name.short if self.carries else finding.package,
            "version": self.package.full_version,
            "carries": self.carries.to_dict() if self.carries else None,
            "advisory": finding.advisory.id,
            "aliases": list(finding.advisory.aliases),
            "severity": finding.severity,
            "summary": finding.advisory.summary,
            "published": finding.advisory.published.isoformat(),
            "since": {"release": self.since.number, "at": self.since.released_at} if self.since else None,
            "fixed-version": finding.fixed,
            "fixed-in-release": self.fixed_in.number if self.fixed_in else None,
            "command": self.command,
            "override": self.package.override,
            "statement": {"status": statement.status, "justification": statement.justification} if statement else None,
        }


@dataclass(frozen=True, slots=True)
class UnverifiedFinding:
    """Something that an audit cannot know: other content, a package's vulnerabilities, or linked-in code.

    `about` identifies it: packages, or a layer in words; `why` is a sentence.
    """

    kind: UnverifiedKind
    about: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True)
class Audit:
    """The audited subject and its findings, the worst first.

    `name` is the user's name for it, `subject` describes it in words. `harmless` are advisories that hold for packages
    but that the distribution states to be harmless in them. `not_covered` are packages about which nobody publishes
    advisories, such as local builds, whatever their names; `untraced` those whose linked-in code is unknown.
    `unattributed` are, in words, the layers of an image that do not belong to its packages, and what hides these in a
    container: their content is unknown. `data` are the lists that the rest was checked against, and their coverage.
    """

    kind: Kind
    name: str
    subject: str
    held: tuple[AuditedPackage, ...]
    exposed: tuple[Exposed, ...] = ()
    harmless: tuple[Exposed, ...] = ()
    not_covered: tuple[str, ...] = ()
    untraced: tuple[str, ...] = ()
    unattributed: tuple[str, ...] = ()
    data: tuple[AdvisorySource, ...] = ()

    @property
    def uncovered(self) -> tuple[str, ...]:
        """The packages, and libraries whose code these carry, for which no review is recorded."""
        return tuple(sorted({name for source in self.data for name in source.uncovered}))

    @property
    def packages(self) -> int:
        """The number of audited packages."""
        return len(self.held)

    @property
    def is_blind(self) -> bool:
        """Whether nothing could be known about the content."""
        return not self.held and bool(self.not_covered)

    @property
    def unverified(self) -> tuple[UnverifiedFinding, ...]:
        """Everything that is not known about it."""
        found: list[tuple[UnverifiedKind, tuple[str, ...], str]] = []
        if self.is_blind:
            why = f"its packages were not recorded on this host: {', '.join(self.not_covered)}"
            found.append(("unknown-content", self.not_covered, why))
        else:
            found += [("no-advisories", (package,), f"{package} is a local build") for package in self.not_covered]
        found += [("unknown-content", (content,), content) for content in self.unattributed]
        if uncovered := self.uncovered:
            why = f"no review for vulnerabilities is recorded for {', '.join(uncovered)}"
            found.append(("not-covered", uncovered, why))
        found += [("unknown-copies", (package,), f"the build of {package} was not traced") for package in self.untraced]
        return tuple(UnverifiedFinding(kind, about, why) for kind, about, why in found)

    @property
    def is_whole(self) -> bool:
        """Whether its content is known and has advisories: otherwise no findings does not mean unaffected."""
        return not (self.not_covered or self.unattributed)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "kind": self.kind,
            "name": self.name,
            "subject": self.subject,
            "packages": self.packages,
            "findings": [exposure.to_dict() for exposure in self.exposed],
            "harmless": [exposure.to_dict() for exposure in self.harmless],
            "unjudged": list(self.not_covered),
            "unwatched": list(self.untraced),
            "unvouched": list(self.unattributed),
            "judged-by": [source.to_dict() for source in self.data],
            "uncovered": list(self.uncovered),
        }
