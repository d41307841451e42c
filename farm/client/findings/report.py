"""What an audit finds: which advisories hold for which packages, since when, where they are mended, and by what.

Plain values: looking is `farm.client.audit.audit`, writing them down `farm.client.findings.formats`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from farm.core.names.printed_version import FIRST_BUILD, printed_version

if TYPE_CHECKING:
    from farm.client.repository.advisory_sources import JudgedBy
    from farm.core.advisories.matching import Finding
    from farm.core.names.digest import Digest
    from farm.core.names.package_name import PackageName
    from farm.core.names.version import Version
    from farm.trust.index.release_index import Release

Kind: TypeAlias = Literal["root", "image", "channel", "container", "run"]
UnverifiedKind: TypeAlias = Literal["unknown-content", "no-advisories", "not-covered", "unknown-copies"]


@dataclass(frozen=True, slots=True)
class AuditedPackage:
    """A package that is looked at.

    `store` is its directory under `/packages`, `descriptor` says which build it is: empty and None where only its
    version is known. `channel` is the subscription that it is of, empty for a local build; `override` why it replaces
    another.
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
        """Version, revision and build number, as people see them."""
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
    """Code of a library that was linked into a package when it was built; `revision` None where it is not known."""

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
    """That an advisory holds for a package that is there, or for code that it carries.

    `carries` is set where the advisory is about a library whose code was linked into the package. `since` is the
    release that brought the package, as far as releases can be looked through; `fixed_in` the first release of those
    up to the newest that are not affected, None where the newest is; `command` what brings what is mended.
    """

    finding: Finding
    package: AuditedPackage
    since: Release | None
    fixed_in: Release | None
    command: str
    carries: CopiedCode | None = None

    @property
    def told(self) -> str:
        """The package as people are told of it, with what it carries: `jq 1.7.1-1 carries zlib 1.3-1 statically`."""
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
    """What an audit does not know, in words: what else is there, what is wrong with a package, or whose code it has."""

    kind: UnverifiedKind
    why: str


@dataclass(frozen=True, slots=True)
class Audit:
    """What was looked at, and what was found: the worst first.

    `name` is what a person calls it, `subject` says it in words. `harmless` are advisories that hold for packages, and
    that the distribution states to do no harm in them. `not_covered` are packages about which nobody here publishes
    advisories, as local builds, whatever they are called; `untraced` those of which nobody knows whose code they
    carry. `unattributed` are, in words, the layers of an image that are not of its packages, and what hides these in a
    container: nobody knows what is in them. `data` says by whose lists the rest was judged, and how far these go.
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
    data: tuple[JudgedBy, ...] = ()

    @property
    def uncovered(self) -> tuple[str, ...]:
        """The packages, and libraries whose code these carry, that nobody states to have looked at."""
        return tuple(sorted({name for source in self.data for name in source.uncovered}))

    @property
    def packages(self) -> int:
        """How many packages were looked at."""
        return len(self.held)

    @property
    def is_blind(self) -> bool:
        """Whether nothing at all could be known of what is there."""
        return not self.held and bool(self.not_covered)

    @property
    def doubts(self) -> tuple[UnverifiedFinding, ...]:
        """All that is not known of it."""
        if self.is_blind:
            not_covered = [
                UnverifiedFinding(
                    "unknown-content", f"nobody here recorded which set that is: {', '.join(self.not_covered)}"
                )
            ]
        else:
            not_covered = [
                UnverifiedFinding("no-advisories", f"{each} is a local build, about which nobody has advisories")
                for each in self.not_covered
            ]
        return (
            *not_covered,
            *(UnverifiedFinding("unknown-content", each) for each in self.unattributed),
            *([UnverifiedFinding("not-covered", self._not_covered)] if self.uncovered else []),
            *(UnverifiedFinding("unknown-copies", f"nobody watched the build of {each}") for each in self.untraced),
        )

    @property
    def _not_covered(self) -> str:
        return f"nobody states to have looked for vulnerabilities in {', '.join(self.uncovered)}"

    @property
    def is_whole(self) -> bool:
        """Whether it is known what is there, and that its makers are asked: else finding nothing is no all-clear."""
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
