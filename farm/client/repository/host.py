"""The state of one user on a host, shared by all roots: a blob store, a cache of unpacked packages, subscriptions."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from farm.client.repository.archives import fetch_archives
from farm.client.repository.cache_lock import CacheLock
from farm.client.repository.catalogue import Catalogue, open_pinned
from farm.client.repository.choosing import Chooser
from farm.client.repository.download import PARALLEL
from farm.client.repository.flush_record import FlushRecord
from farm.client.repository.imports import ImportedReleases
from farm.client.repository.known_release import NewestRelease, known_newest
from farm.client.repository.mirrors import Mirrors, ignore_warning
from farm.client.repository.subscriptions import Subscriptions
from farm.core.names.digest import Digest
from farm.core.sets.composition.compose import compose
from farm.errors import FarmError
from farm.store.blobs import BlobStore
from farm.store.disk_space import full_disk_named
from farm.store.errors import CorruptBlobError, MissingBlobError
from farm.store.known_places import KnownPlaces
from farm.store.locks import no_progress
from farm.store.private_directory import check_own, make_own
from farm.store.tree_stamp import looks_unpacked
from farm.store.unpack import PackageCache
from farm.trust.index.imports import Import

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from farm.client.repository.advisory_sources import AdvisoryDocuments
    from farm.client.repository.catalogue import VerifiedPackage
    from farm.client.repository.download import Downloads
    from farm.client.repository.mirrors import Warn
    from farm.client.repository.subscriptions import Subscription
    from farm.core.plan.job import BlobRef
    from farm.core.sets.composition.compose import Composition
    from farm.core.sets.members.set_record import ReleaseRef
    from farm.store.http.time_limits import Deadline
    from farm.store.locks import Waiting


class Host:
    """The subscriber's state in one directory; `shared` is what all states of one user share on this machine."""

    def __init__(self, state: Path, shared: Path, warn: Warn = ignore_warning) -> None:
        """`warn` is called with each mirror that is passed over, and why."""
        self.state, self.shared = state, shared
        self.blobs = BlobStore(shared / "blobs")
        self.cache = PackageCache(shared / "packages")
        self.mirrors = Mirrors(warn)
        self.warn = warn
        self.subscriptions = Subscriptions(state, self.mirrors)
        self.roots = KnownPlaces(state / "roots")
        self.states = KnownPlaces(shared / "states")
        self.lock = CacheLock(shared)
        self.seen: list[NewestRelease] = []
        """The newest releases that `catalogue` has opened."""

    @contextmanager
    def in_use(self, waiting: Waiting = no_progress) -> Iterator[None]:
        """Prevent removal by `farm gc` until the end of the block.

        Hold it from the search for packages until what needs them is recorded: a generation, an image, a run. Raises
        `FarmError` (`not-own-directory`) where others could change what is used.
        """
        check_own(self.shared)
        make_own(self.shared)
        self.states.add(self.state)
        with self.lock.used(waiting):
            yield

    @contextmanager
    def patient_for(self, deadline: Deadline) -> Iterator[None]:
        """Limit the total time of all requests for the newest metadata until the end of the block."""
        self.mirrors.deadline = deadline
        try:
            yield
        finally:
            self.mirrors.deadline = None

    def catalogue(self, channel: str = "") -> Catalogue:
        """Return the newest verified release of a subscribed channel. Raises what subscriptions and metadata raise."""
        subscription = self.subscriptions.find(channel)
        newest = None
        if not self.mirrors.deadline:  # with one, the repository is asked only once
            newest = known_newest(subscription, self.subscriptions.metadata_folder(subscription))
        if newest is None:
            release, builders = self.subscriptions.metadata(subscription).newest(subscription.channel)
            assert builders.document is not None  # noqa: S101  (they were read from the signed document)
            newest = NewestRelease(subscription, release, builders.document, lambda: builders)
        self.seen.append(newest)
        downloads, imported = self.downloads(subscription), self.imported(subscription)
        return Catalogue(newest.release, newest.read_builders, downloads, imported.open)

    def catalogue_of(self, names: Iterable[str], channel: str = "") -> Catalogue:
        """Return the newest verified release that has these packages; see `Chooser.catalogue`."""
        return Chooser(self.subscriptions, self.catalogue).catalogue(names, channel)

    def downloads(self, subscription: Subscription) -> Downloads:
        """Return what fetches blobs of a subscription to this host. Raises `InvalidAddressError`, `OSError`."""
        make_own(self.shared)
        return self.subscriptions.downloads(subscription, self.blobs)

    def advisories(self, subscription: Subscription) -> AdvisoryDocuments:
        """Return the newest documents about advisories of a followed distribution, from its repository."""
        return self.subscriptions.metadata(subscription).advisories(), self.downloads(subscription)

    def imported_advisories(self, pin: Import, subscription: Subscription) -> AdvisoryDocuments:
        """Return the newest documents about advisories of a distribution that a followed one imports from."""
        return self.imported(subscription).advisories(pin)

    def imported(self, subscription: Subscription | None = None) -> ImportedReleases:
        """Return what opens the pinned releases of other distributions, using the mirrors of a subscription."""
        places = (subscription.address, *subscription.mirrors) if subscription else ()
        return ImportedReleases(self.state, self.blobs, self.subscriptions, self.mirrors, places)

    def pinned(self, ref: ReleaseRef) -> Catalogue:
        """Return one release of a subscribed channel, searched from the newest verified one backwards.

        Raises `SubscriptionError`, `UntrustedMetadataError`, `DownloadError`, `InvalidReleaseError`.
        """
        subscription = self.subscriptions.find(ref.subscription)
        newest = self.subscriptions.metadata(subscription).newest(subscription.channel)
        downloads, imported = self.downloads(subscription), self.imported(subscription)
        return open_pinned(newest, pin_of(subscription, ref), downloads, imported.open)

    def lacking(self, packages: Sequence[VerifiedPackage]) -> list[VerifiedPackage]:
        """Return the packages whose archives have to be fetched."""
        return [
            package
            for package in packages
            if not self._is_unpacked(package) and package.downloads.is_missing(package.entry.archive)
        ]

    def unpack(self, packages: Sequence[VerifiedPackage], progress: Callable[[BlobRef], None]) -> dict[str, Path]:
        """Unpack packages into the host's cache, verified; return their directories by store name.

        A package that was changed since it was unpacked is unpacked again, with a warning. `progress` is called with
        each archive that has arrived. Raises `DownloadError` and what the cache refuses.
        """
        flushes = FlushRecord.of_this_boot(self.cache)
        flushes.begin()
        fetch_archives(self.lacking(packages), progress)
        missing = [package for package in packages if not self._is_unpacked(package)]
        altered = [
            package
            for package in packages
            if package not in missing and not looks_unpacked(self.cache.path(package.store), package.manifest)
        ]
        if altered:
            names = ", ".join(package.name for package in altered)
            self.warn(f"{names} in {self.cache.root} changed since it was unpacked there, and is unpacked again")
        with full_disk_named(self.cache.root), ThreadPoolExecutor(PARALLEL) as pool:
            places = pool.map(lambda package: self._unpacked(package, look=package in altered), packages)
            unpacked = dict(zip((package.store for package in packages), places, strict=True))
            if missing or altered:
                flushes.end()
        return unpacked

    def _is_unpacked(self, package: VerifiedPackage) -> bool:
        return self.cache.holds(package.store, package.manifest.tree_digest)

    def _unpacked(self, package: VerifiedPackage, *, look: bool) -> Path:
        archive = package.entry.archive
        unpack = partial(
            self.cache.ensure,
            package.store,
            package.manifest.tree_digest,
            lambda: self.blobs.open(archive.digest),
            look=package.manifest if look else None,
        )
        try:
            return unpack()
        except FarmError:
            if self._is_whole(archive.digest):
                raise
        # The archive was damaged on this disk since it was fetched, perhaps long ago.
        self.blobs.delete(archive.digest)
        package.downloads.ensure(archive, f"archive of {package.name}")
        return unpack()

    def _is_whole(self, digest: Digest) -> bool:
        try:
            self.blobs.verify(digest)
        except (CorruptBlobError, MissingBlobError):
            return False
        return True


def pin_of(subscription: Subscription, ref: ReleaseRef) -> Import:
    """Return a release of a subscribed channel as a pin, by which earlier releases are found."""
    return Import(
        distribution=ref.distribution,
        channel=ref.channel,
        number=ref.number,
        release=ref.release,
        root=Digest(subscription.fingerprint),
        address=subscription.address,
        packages=(),
    )


def composition_of(packages: Sequence[VerifiedPackage]) -> Composition:
    """Return how these packages compose one root; raises `ForestConflictError`."""
    return compose([(package.descriptor, package.manifest) for package in packages], base=None)
