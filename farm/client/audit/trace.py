"""Tracing the origin of packages: from a release, a root or an image back to sources, toolchain and dependencies."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from farm.client.audit.provenance import Provenance, SignedRelease, TracedDependency, TracedSource, TracedToolchain
from farm.client.findings.verification_signed import SignedIndex
from farm.client.override.overrides import Overrides
from farm.client.override.packed_packages import OwnPackages
from farm.client.repository.catalogue import BrokenReleaseError, UnknownPackageError
from farm.client.repository.download import DownloadError
from farm.client.repository.earlier_releases import release_with
from farm.client.repository.placed_packages import release_ref
from farm.client.repository.readers import InvalidAddressError, open_reader
from farm.client.repository.sources import declared_sources, read_named, recipe_contents
from farm.client.repository.subscriptions import SubscriptionError
from farm.client.root.file_owner import check_file
from farm.client.root.installed_set import UnlistedPackageError
from farm.core.files.problems import RecipeError
from farm.core.fileset.manifest import Manifest
from farm.core.names.printed_version import printed_version
from farm.core.package.descriptor import Descriptor
from farm.core.plan.sbom import toolchain_lock_in
from farm.core.recipe.contents import InvalidContentsError
from farm.core.recipe.toolchain import InvalidLockError, ToolchainLock
from farm.store.errors import CorruptBlobError, MissingBlobError
from farm.trust.attestation.dsse import InvalidEnvelopeError
from farm.trust.attestation.provenance import SignedBuild, plan_by_digest, read_build, verify_provenance
from farm.trust.verification.stored_metadata import NothingVerifiedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from farm.client.repository.catalogue import Catalogue, VerifiedPackage
    from farm.client.repository.host import Host
    from farm.client.root.file_owner import OwnedFile
    from farm.core.names.digest import Digest
    from farm.core.plan.plan import PlannedDependency, PlannedSource
    from farm.core.recipe.declared_sources import DeclaredSources
    from farm.core.sets.members.set_record import PlacedPackage, ReleaseRef, SetRecord
    from farm.trust.index.imports import Import
    from farm.trust.index.release_index import Release, ReleaseEntry
    from farm.trust.verification.stored_metadata import KeptMetadata


@dataclass(frozen=True, slots=True)
class _Trust:
    """The metadata and the pinned root by which the releases of a channel were verified, and their address."""

    kept: KeptMetadata
    root: str
    address: str


class Tracing:
    """Traces packages for one command; each release is opened once.

    A broken link of the chain raises what verification raises: nothing is shown about a package that would not be
    installed.
    """

    def __init__(self, host: Host) -> None:
        self._host = host
        self._homes: dict[Digest, Catalogue] = {}
        self._opened: dict[Digest, Catalogue] = {}
        self._trust: dict[tuple[str, str], _Trust] = {}

    def of_release(self, catalogue: Catalogue, name: str, placed: PlacedPackage | None = None) -> Provenance:
        """Trace a package of a release. Raises as `Catalogue.checked`."""
        package, plan = catalogue.checked(name)
        if pin := catalogue.import_of(package.name):
            self._take_import(pin)
        home = catalogue.home_of(package.name)
        self._opened[home.release.digest] = home
        self._homes[package.descriptor.digest] = home
        builds = tuple(_builds(package, home))
        declared, unread = _declared(package)
        return Provenance(
            name=package.descriptor.name,
            version=printed_version(package.descriptor.version, package.descriptor.revision, package.build),
            descriptor=package.descriptor.digest,
            tree=package.descriptor.tree,
            plan=package.descriptor.plan,
            files=sum(1 for _ in package.manifest.files()),
            release=self._signed(home.release),
            needed=home.builders.needed(home.release.channel),
            builds=builds,
            recipe=package.entry.recipe,
            sources=tuple(_source(source, declared) for source in plan.sources),
            toolchain=TracedToolchain(plan.toolchain, declared.toolchain if declared else "", _lock(package)),
            dependencies=tuple(
                self._dependency(dependency, catalogue, home, builds) for dependency in plan.dependencies
            ),
            unread=unread,
            placed=placed,
        )

    def of_set(self, record: SetRecord, name: str, where: str) -> Provenance:
        """Trace a package of a root or image, named by `where`. Raises `UnlistedPackageError`, and as `of_release`."""
        placed = record.package(name)
        if placed is None:
            raise UnlistedPackageError(name, where, record)
        return self._of_placed(record, placed)

    def of_file(self, owned: OwnedFile) -> Provenance:
        """Trace the package of a file, and compare the file with the signed one. Raises as `of_release`."""
        found = self._of_placed(owned.generation.set, owned.placed)
        manifest = Manifest.from_json(self._host.blobs.read(found.tree))
        return replace(found, file=check_file(owned, manifest))

    def deep(self, first: Provenance) -> Iterator[Provenance]:
        """Yield the packages that one was built against, then those that these were built against, each once.

        Only packages that some release holds are yielded. Raises as `of_release`.
        """
        seen, waiting = {first.descriptor}, [first]
        for built in waiting:  # grows while it is walked
            for dependency in built.dependencies:
                if dependency.descriptor is None or dependency.release is None or dependency.descriptor in seen:
                    continue
                seen.add(dependency.descriptor)
                catalogue = self._catalogue(dependency.release)
                if catalogue is not None:
                    found = self.of_release(catalogue, dependency.name.short)
                    waiting.append(found)
                    yield found

    def _of_placed(self, record: SetRecord, placed: PlacedPackage) -> Provenance:
        home = SignedIndex(self._host, record).home(placed) if placed.channel else None
        if home is None:
            return self._unsigned(placed)
        return self.of_release(home, str(placed.name), placed)

    def _unsigned(self, placed: PlacedPackage) -> Provenance:
        """Return what its digests prove about a package that no release holds."""
        blobs = self._host.blobs
        descriptor = Descriptor.from_json(blobs.read(placed.descriptor))
        overriding = (override.built for _, override in Overrides(self._host.state).all())
        here = (*OwnPackages(self._host).all().values(), *filter(None, overriding))
        entry = next((build.entry for build in here if build.entry.descriptor.digest == placed.descriptor), None)
        plan = None
        with suppress(MissingBlobError, CorruptBlobError):
            plan = plan_by_digest(blobs.read(entry.provenance.digest), descriptor.plan) if entry else None
        return Provenance(
            name=descriptor.name,
            version=printed_version(descriptor.version, descriptor.revision, placed.build),
            descriptor=descriptor.digest,
            tree=descriptor.tree,
            plan=descriptor.plan,
            files=sum(1 for _ in Manifest.from_json(blobs.read(descriptor.tree)).files()),
            release=None,
            needed=0,
            builds=(),
            recipe=entry.recipe if entry else None,
            sources=tuple(_source(source, None) for source in plan.sources) if plan else (),
            toolchain=TracedToolchain(plan.toolchain) if plan else None,
            dependencies=tuple(_planned(dependency, ()) for dependency in plan.dependencies) if plan else (),
            unread="it was built or packed on this host, and nobody signed its recipe",
            placed=placed,
        )

    def _dependency(
        self, planned: PlannedDependency, asked: Catalogue, home: Catalogue, builds: Sequence[SignedBuild]
    ) -> TracedDependency:
        found = _planned(planned, builds)
        if planned.name.distribution != home.release.distribution:
            pin = asked.import_of(str(planned.name))
            with suppress(UnknownPackageError, BrokenReleaseError):
                entry = asked.entry(str(planned.name))
                if pin and entry.manifest.digest == planned.tree:
                    self._take_import(pin)
                    self._opened[pin.release] = home = asked.home_of(str(planned.name))
                    return _in_release(found, entry, home.release)
            return found
        # The blob of a manifest is named by the digest of the tree.
        held = release_with(home, planned.name.short, lambda entry: entry.manifest.digest == planned.tree)
        if held is None:
            return found
        release, entry = held
        return _in_release(found, entry, release)

    def _catalogue(self, ref: ReleaseRef) -> Catalogue | None:
        """Return a release; None for an earlier release of a distribution that this host does not follow."""
        if ref.release not in self._opened:
            with suppress(SubscriptionError):
                self._opened[ref.release] = self._host.pinned(ref)
        return self._opened.get(ref.release)

    def _take_import(self, pin: Import) -> None:
        kept = self._host.imported().kept(pin)
        self._trust[pin.distribution, pin.channel] = _Trust(kept, str(pin.root), pin.address)

    def _signed(self, release: Release) -> SignedRelease:
        key = release.distribution, release.channel
        if key not in self._trust:
            followed = self._host.subscriptions.find("/".join(key))
            kept = self._host.subscriptions.kept(followed)
            self._trust[key] = _Trust(kept, followed.fingerprint, followed.address)
        trust, signers = self._trust[key], None
        with suppress(NothingVerifiedError, InvalidAddressError):
            signers = trust.kept.signers(release.channel, open_reader(trust.address))
        return SignedRelease(release_ref(release), release.released_at, trust.root, signers)


def _in_release(dependency: TracedDependency, entry: ReleaseEntry, release: Release) -> TracedDependency:
    package = f"{entry.name} {printed_version(entry.version, entry.revision)}"
    return replace(dependency, package=package, descriptor=entry.descriptor.digest, release=release_ref(release))


def _builds(package: VerifiedPackage, home: Catalogue) -> Iterator[SignedBuild]:
    """Yield what each builder attests that is allowed now and built this package; the archive's builder first."""
    entry, seen = package.entry, set[str]()
    for blob in (entry.provenance, *entry.rebuilds):
        content = package.downloads.read(blob, f"provenance of {package.name}")
        with suppress(InvalidEnvelopeError):  # by a builder that is no longer allowed
            builder = verify_provenance(content, home.builders, package.descriptor, entry.recipe).builder
            if builder not in seen:
                seen.add(builder)
                yield read_build(content, home.builders)


def _declared(package: VerifiedPackage) -> tuple[DeclaredSources | None, str]:
    """Return what the recipe declares, or else why that cannot be known."""
    try:
        return declared_sources(package, recipe_contents(package)), ""
    except (DownloadError, InvalidContentsError, RecipeError) as error:
        return None, error.message


def _lock(package: VerifiedPackage) -> ToolchainLock | None:
    """Return the packages that the toolchain was made from, as the distribution states them, if it does."""
    if package.entry.sbom is None:
        return None
    what = f"toolchain's lock of {package.name}"
    with suppress(DownloadError, InvalidLockError):
        digest = toolchain_lock_in(package.downloads.read(package.entry.sbom, f"bill of materials of {package.name}"))
        return ToolchainLock.from_text(read_named(package, digest, what), name="", file=what) if digest else None
    return None


def _source(planned: PlannedSource, declared: DeclaredSources | None) -> TracedSource:
    if declared is None:
        return TracedSource(planned.file, planned.digest, "unknown")
    source = next((source for source in declared.sources if source.file == planned.file), None)
    if source and source.debian_package:
        return TracedSource(planned.file, planned.digest, "of-toolchain", package=source.debian_package)
    if source is None or source.digest != planned.digest:
        return TracedSource(planned.file, planned.digest, "not-in-recipe")
    origins = tuple(f"{origin.kind}:{origin.reference}" for origin in source.origins)
    kind = "fetched" if source.url else "beside-recipe"
    return TracedSource(planned.file, planned.digest, kind, source.url, origins)  # type: ignore[arg-type]


def _planned(planned: PlannedDependency, builds: Sequence[SignedBuild]) -> TracedDependency:
    opened = next(
        (
            consumption.kinds
            for build in builds[:1]
            for consumption in build.run.consumed
            if (consumption.library, consumption.tree) == (planned.name, planned.tree)
        ),
        (),
    )
    return TracedDependency(planned.name, str(planned.version), planned.tree, planned.direct, opened=opened)
