"""A verified release as a subscriber sees it: packages by name, what each needs, and the proof that a set is closed."""

from __future__ import annotations

import copy
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.client.repository.download import PARALLEL
from farm.core.names.package_name import PackageName
from farm.core.names.printed_version import FIRST_BUILD
from farm.core.sets.members.member import Member
from farm.core.sets.members.package_set import PackageSet
from farm.core.sets.proof.prover import prove
from farm.errors import FarmError, did_you_mean, in_lines
from farm.trust.index.earlier_release import pinned_release
from farm.trust.index.imports import imported_packages
from farm.trust.index.tree import IndexTree, listings, read_entry
from farm.trust.untrusted_metadata import BrokenReleaseError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from farm.client.repository.download import Downloads
    from farm.core.fileset.manifest import Manifest
    from farm.core.package.descriptor import Descriptor
    from farm.core.package.facts import PackageFacts
    from farm.core.plan.job import BlobRef
    from farm.core.plan.plan import Plan
    from farm.core.sets.members.set_record import PlacedPackage
    from farm.trust.index.imports import Import
    from farm.trust.index.node import Listing
    from farm.trust.index.release_index import Release, ReleaseEntry
    from farm.trust.metadata.builders import AllowedBuilders

    Overridden = Callable[["Catalogue", Iterable[str]], tuple["VerifiedPackage", ...]]

__all__ = ["BrokenReleaseError", "Catalogue", "UnknownPackageError", "VerifiedPackage", "prove_together"]


class UnknownPackageError(FarmError):
    """A release has no package of this name."""

    code = "unknown-package"

    def __init__(self, name: str, release: Release, known: Iterable[str]) -> None:
        remedy = did_you_mean(name, known, "See `farm search` for what there is.")
        super().__init__(f"release {release.number} of {release.channel} has no package {name}", remedy=remedy)
        self.name = name


@dataclass(frozen=True, slots=True)
class VerifiedPackage:
    """A package of a release whose descriptor, manifest, facts and provenance have all been checked.

    `downloads` fetch its archive; `is_imported`: it comes from a release of another distribution. `placed` is its
    record in a set where it replaces a package of the release. `build` is the number of its build.
    """

    entry: ReleaseEntry
    descriptor: Descriptor
    manifest: Manifest
    facts: PackageFacts
    downloads: Downloads
    is_imported: bool = False
    placed: PlacedPackage | None = None
    build: int = FIRST_BUILD

    @property
    def name(self) -> str:
        """The name by which the set knows it: short, or full for a package of another distribution."""
        return str(self.descriptor.name) if self.is_imported else self.entry.name

    @property
    def member(self) -> Member:
        """The package as a member of a set."""
        return Member.of(self.descriptor, self.facts, self.manifest, imported=self.is_imported, build=self.build)

    @property
    def store(self) -> str:
        """The name of its directory under `/packages`."""
        return self.manifest.store_path(self.entry.name, self.entry.version)


@dataclass(frozen=True, slots=True)
class _Found:
    """An entry, the catalogue that holds it, and the packages that meet its needs in the release that was asked."""

    entry: ReleaseEntry
    home: Catalogue
    needs: tuple[str, ...]


class Catalogue:
    """One release of a channel. Fetches only those parts of its index, and those packages, that are requested.

    Names are short, or full for packages of other distributions, whose pinned releases `imported` opens.
    """

    def __init__(
        self,
        release: Release,
        read_builders: Callable[[], AllowedBuilders],
        downloads: Downloads,
        imported: Callable[[Import], Catalogue] | None = None,
    ) -> None:
        """`read_builders` returns the builders that the distribution allows now; it is called for each package."""
        self.release = release
        self.downloads = downloads
        self._read_builders = read_builders
        self._open_import = imported
        self._imported = imported_packages(release.imports)
        self._opened: dict[str, Catalogue] = {}
        self._opening = threading.Lock()
        self._index = IndexTree(self._read, release.index)
        self._what = f"index of release {release.number} of {release.channel}"
        self._overridden: Overridden | None = None

    def of_release(self, release: Release) -> Catalogue:
        """Return an earlier, already verified release of the same channel, read from the same repository."""
        return Catalogue(release, self._read_builders, self.downloads, self._open_import)

    def overridden(self, verified: Overridden) -> Catalogue:
        """Return the same release, with `verified` to make its sets: there, packages replace the release's own."""
        other = copy.copy(self)
        other._overridden = verified
        return other

    def entry(self, name: str) -> ReleaseEntry:
        """Return the entry of a package; fetches the parts of its index path that this host lacks.

        Raises `InvalidPackageNameError`, `UnknownPackageError`, `DownloadError`, `InvalidReleaseError`, and, for a
        package of another distribution, what opening its release raises.
        """
        return self._find(self.known_as(name)).entry

    def holds(self, name: str) -> bool:
        """Return whether the release has a package, by its own or its full name. Raises as `entry`."""
        known_as = self.known_as(name)
        if "/" in known_as:
            return known_as in self._imported
        PackageName(self.release.distribution, known_as)
        return self._index.listing(known_as) is not None

    def import_of(self, name: str) -> Import | None:
        """Return the release that a package is imported from; None for a package of this distribution."""
        return self._imported[name][0] if name in self._imported else None

    def home_of(self, name: str) -> Catalogue:
        """Return the catalogue that holds a package: this one, or that of the other distribution's release."""
        return self._find(self.known_as(name)).home

    def needs(self, name: str) -> tuple[str, ...]:
        """Return the packages that meet the needs of one at run time, as the release says. Raises as `entry`."""
        return self._find(self.known_as(name)).needs

    @property
    def builders(self) -> AllowedBuilders:
        """The builders that the distribution allows now."""
        return self._read_builders()

    def attested(self, entry: ReleaseEntry, descriptor: Descriptor) -> int:
        """Return how many builders that this distribution allows now have built the package of an entry."""
        from farm.trust.verification.release_package import agreeing_builders  # noqa: PLC0415  (loads all key types)

        return len(agreeing_builders(entry, self.builders, descriptor, self.downloads.read))

    def known_as(self, name: str) -> str:
        """Return the name by which a set knows a package: a full name of this distribution is shortened."""
        return name.removeprefix(f"{self.release.distribution}/")

    def listings(self) -> Iterator[Listing]:
        """Yield the lines of all packages, in no order; fetches the parts of the index that this host lacks."""
        return listings(self._read, self.release.index, lambda blobs: self.downloads.prefetch(blobs, self._what))

    def entries(self) -> Iterator[ReleaseEntry]:
        """Yield all entries. Each is a blob of its own: for names and summaries `listings` fetches far less."""
        for listing in self.listings():
            yield read_entry(self._read, listing)

    def closure(self, names: Iterable[str]) -> tuple[ReleaseEntry, ...]:
        """Return the entries of these packages and of everything that they need at run time, sorted by name."""
        return tuple(found.entry for found in self._closure(names))

    def verified(self, names: Iterable[str]) -> tuple[VerifiedPackage, ...]:
        """Return the closure of these packages, each verified, and prove the set closed and free of conflicts.

        Raises `DownloadError`, `ProvenanceError`, `InvalidEnvelopeError`, `BrokenReleaseError`, `UnknownPackageError`,
        and for packages of other distributions what opening their releases raises.
        """
        if self._overridden:
            return self._overridden(self._plain(), names)
        packages = tuple(map(self._verify, self._closure(names)))
        prove_together(packages, f"release {self.release.number} of {self.release.channel}")
        return packages

    def checked(self, name: str) -> tuple[VerifiedPackage, Plan]:
        """Return one package, verified without its needs, and the plan by which its builders attest that they built it.

        Raises as `verified`.
        """
        from farm.trust.attestation.provenance import verify_provenance  # noqa: PLC0415  (loads all key types)

        found = self._find(self.known_as(name))
        package = self._verify(found)
        provenance = package.downloads.read(package.entry.provenance, f"provenance of {name}")
        verified = verify_provenance(provenance, found.home.builders, package.descriptor, package.entry.recipe)
        return package, verified.plan

    def _plain(self) -> Catalogue:
        plain = copy.copy(self)
        plain._overridden = None
        return plain

    def _read(self, blob: BlobRef) -> bytes:
        return self.downloads.read(blob, self._what)

    def _closure(self, names: Iterable[str]) -> list[_Found]:
        found: dict[str, _Found] = {}
        waiting = {self.known_as(name) for name in names}
        with ThreadPoolExecutor(PARALLEL) as pool:
            while waiting:
                batch = sorted(waiting)
                found.update(zip(batch, pool.map(self._find, batch), strict=True))
                waiting = {need for name in batch for need in found[name].needs} - found.keys()
        return [found[name] for name in sorted(found)]

    def _find(self, name: str) -> _Found:
        if "/" in name:
            return self._find_imported(name)
        PackageName(self.release.distribution, name)  # refuses an invalid name, such as an argument that is not UTF-8
        entry = self._index.entry(name)
        if entry is None:
            raise UnknownPackageError(name, self.release, (listing.name for listing in self.listings()))
        return _Found(entry, self, entry.needs)

    def _find_imported(self, name: str) -> _Found:
        PackageName.parse(name)
        if name not in self._imported:
            raise UnknownPackageError(name, self.release, self._imported)
        pin, package = self._imported[name]
        home = self._home(pin)
        entry = home._find(package.name).entry
        if entry.descriptor.digest != package.descriptor:
            raise BrokenReleaseError(
                f"release {self.release.number} of {self.release.channel} imports {name} from {pin}, which has another "
                f"build of it: {entry.descriptor.digest}, not {package.descriptor}"
            )
        return _Found(entry, home, package.needs)

    def _home(self, pin: Import) -> Catalogue:
        with self._opening:
            if pin.distribution not in self._opened:
                if self._open_import is None:
                    raise BrokenReleaseError(f"{pin} is imported by a distribution that may import nothing")
                self._opened[pin.distribution] = self._open_import(pin)
            return self._opened[pin.distribution]

    def _verify(self, found: _Found) -> VerifiedPackage:
        from farm.trust.verification.release_package import check_package  # noqa: PLC0415  (loads all key types)

        home = found.home
        checked = check_package(home.release, found.entry, home.builders, home.downloads.read)
        return VerifiedPackage(
            found.entry,
            checked.descriptor,
            checked.manifest,
            checked.facts,
            home.downloads,
            is_imported=home is not self,
            build=checked.build,
        )


def open_pinned(
    newest: tuple[Release, AllowedBuilders],
    pin: Import,
    downloads: Downloads,
    imported: Callable[[Import], Catalogue] | None = None,
) -> Catalogue:
    """Return a pinned release, searched from the newest of its channel backwards.

    Raises `DownloadError`, `UntrustedMetadataError`, `InvalidReleaseError`.
    """
    what = f"earlier release of {pin.distribution}/{pin.channel}"
    release = pinned_release(newest[0], pin, lambda blob: downloads.read(blob, what))
    return Catalogue(release, lambda: newest[1], downloads, imported)


def prove_together(packages: Iterable[VerifiedPackage], what: str) -> None:
    """Prove that packages make a set, closed and free of conflicts. Raises `BrokenReleaseError`, naming `what`."""
    proof = prove(PackageSet.of(package.member for package in packages))
    if proof.problems:
        found = in_lines([problem.message for problem in proof.problems])
        raise BrokenReleaseError(f"the packages of {what} are incompatible:{found}")
