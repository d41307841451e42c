"""Where a package comes from, link by link: plain values that separate verified facts from claims.

What the release signs, and what its digests lead to, is verified on this machine. That a build ran as its plan says is
the builders' claim; the names and addresses of sources are the distribution's claim, in its recipe.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from farm.core.names.digest import Digest
from farm.core.names.form import Form
from farm.core.names.package_name import PackageName
from farm.core.sets.members.set_record import ReleaseRef

if TYPE_CHECKING:
    from farm.client.root.file_owner import FileCheck
    from farm.core.recipe.toolchain import ToolchainLock
    from farm.core.sets.members.set_record import PlacedPackage
    from farm.trust.attestation.provenance import SignedBuild
    from farm.trust.verification.channel_signers import ChannelSigners

SourceKind = Literal["fetched", "beside-recipe", "of-toolchain", "not-in-recipe", "unknown"]


@dataclass(frozen=True, slots=True)
class SignedRelease:
    """The release that holds the package: its time (RFC 3339), the fingerprint of the pinned root that it was verified
    from, and whose keys signed it; None where that is not stored here.
    """

    ref: ReleaseRef
    released_at: str
    root: str
    signers: ChannelSigners | None

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        signers = self.signers
        signed = signers and {
            "keys": [key.keyid for key in signers.keys],
            "threshold": signers.threshold,
            "root-version": signers.root,
            "targets-version": signers.targets,
        }
        return self.ref.to_dict() | {"released-at": self.released_at, "root": self.root, "signed-by": signed}


@dataclass(frozen=True, slots=True)
class TracedSource(Form, record="traced source", keys={"package": "toolchain-package"}, outside={"digest"}):
    """A source of the plan.

    `kind` is the recipe's kind of source: `not-in-recipe` contradicts the recipe, `unknown` means that the recipe
    cannot be fetched or read. `url` and `origins` are the recipe's, `package` is the Debian package of the toolchain.
    """

    file: str
    digest: Digest
    kind: SourceKind
    url: str = ""
    origins: tuple[str, ...] = ()
    package: str = ""

    @property
    def is_pinned(self) -> bool:
        """Whether the recipe that the release names has this very digest: compared on this machine."""
        return self.kind in ("fetched", "beside-recipe")


@dataclass(frozen=True, slots=True)
class TracedToolchain:
    """The root that the package was built in.

    `name` is the recipe's name for the toolchain; `lock` is the list of Debian packages that it was made from, as the
    distribution states it, None where it does not.
    """

    tree: Digest
    name: str = ""
    lock: ToolchainLock | None = None


@dataclass(frozen=True, slots=True)
class TracedDependency(Form, record="dependency of a build", keys={"opened": "code-opened"}):
    """A package that was present during the build.

    `package` is its name in the newest release that holds this very tree, as `zlib 1.3.1-2`, and `release` that
    release; None where no such release can be read.
    """

    name: PackageName
    version: str
    tree: Digest
    direct: bool
    package: str = ""
    descriptor: Digest | None = None
    release: ReleaseRef | None = None
    opened: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """One package with everything that is known about its origin.

    `release` is None for a package that no release holds; nobody else has attested such a package. `builds` has one
    build for each builder that is allowed now; `needed` is how many have to agree. `unread` says why the recipe could
    not be read.
    """

    name: PackageName
    version: str
    descriptor: Digest
    tree: Digest
    plan: Digest
    files: int
    release: SignedRelease | None
    needed: int
    builds: tuple[SignedBuild, ...]
    recipe: Digest | None
    sources: tuple[TracedSource, ...] = ()
    toolchain: TracedToolchain | None = None
    dependencies: tuple[TracedDependency, ...] = ()
    unread: str = ""
    placed: PlacedPackage | None = None
    file: FileCheck | None = None

    @property
    def label(self) -> str:
        """Name and version, as users write them."""
        return f"{self.name} {self.version}"

    @property
    def contradictions(self) -> tuple[str, ...]:
        """What does not hold, in words: a file that differs from the signed one, a source that is not in the recipe."""
        found = [f"{self.file.asked}: {self.file.how}"] if self.file and self.file.how else []
        found += [
            f"{self.label} was built from {source.file} {source.digest}, which its recipe does not name"
            for source in self.sources
            if source.kind == "not-in-recipe"
        ]
        return tuple(found)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values: what was verified here, what the distribution claims, what the builders claim."""
        return {
            "package": str(self.name),
            "version": self.version,
            "file": self.file.to_dict() if self.file else None,
            "override": self.placed.to_dict() if self.placed and self.placed.is_override else None,
            "verified": self._verified(),
            "said-by-distribution": self._claimed_by_distribution(),
            "said-by-builders": [_claimed(build) for build in self.builds],
            "contradictions": list(self.contradictions),
        }

    def _verified(self) -> dict[str, Any]:
        since = self.release.signers.since if self.release and self.release.signers else {}
        return {
            "descriptor": self.descriptor,
            "tree": self.tree,
            "plan": self.plan,
            "release": self.release.to_dict() if self.release else None,
            "builders-needed": self.needed,
            "builders": [
                {"key": build.run.builder, "allowed-since-targets": since.get(build.run.builder)}
                for build in self.builds
                if self.release
            ],
            "recipe": self.recipe,
            "sources": [
                {"file": source.file, "digest": source.digest, "pinned-by-recipe": source.is_pinned}
                for source in self.sources
            ],
            "toolchain": self.toolchain.tree if self.toolchain else None,
            "dependencies": [dependency.to_dict() for dependency in self.dependencies],
        }

    def _claimed_by_distribution(self) -> dict[str, Any]:
        toolchain = self.toolchain
        lock = toolchain.lock if toolchain else None
        return {
            "sources": [source.to_dict() for source in self.sources],
            "toolchain": {
                "name": toolchain.name if toolchain else "",
                "lock": lock.digest if lock else None,
                "packages": [
                    {"name": deb.name, "version": deb.version, "architecture": deb.architecture, "digest": deb.digest}
                    for deb in (lock.debs if lock else ())
                ],
            },
            "recipe-unread": self.unread,
        }


def _claimed(build: SignedBuild) -> dict[str, Any]:
    run = build.run
    return {
        "builder": run.builder,
        "attempt": run.attempt,
        "started": run.started,
        "finished": run.finished,
        "runtime": dict(run.runtime),
        "log": run.log,
        "sources-taken-from": dict(sorted(build.taken_from.items())),
    }
