"""A verified release as a subscriber sees it: packages by name, what each needs, and the proof that a set is whole."""

from __future__ import annotations

import difflib
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.client.download import PARALLEL
from farm.compat import Member, PackageSet, prove
from farm.errors import FarmError
from farm.fileset import Manifest
from farm.names import PackageName
from farm.package import Descriptor, PackageFacts
from farm.trust.dsse import InvalidEnvelopeError
from farm.trust.index_tree import IndexTree, listings, read_entry
from farm.trust.provenance import verify_provenance
from farm.trust.rebuilds import check_agreement, verified_builder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from farm.client.download import Downloads
    from farm.plan import BlobRef, Plan
    from farm.trust.builders import AllowedBuilders
    from farm.trust.index_node import Listing
    from farm.trust.release_index import Release, ReleaseEntry


class UnknownPackageError(FarmError):
    """A release holds no package of this name."""

    code = "unknown-package"

    def __init__(self, name: str, release: Release, near: list[str]) -> None:
        remedy = f"Did you mean {' or '.join(near)}?" if near else "See `farm search` for what there is."
        super().__init__(f"release {release.number} of {release.channel} has no package {name}", remedy=remedy)
        self.name = name


class BrokenReleaseError(FarmError):
    """A signed release contradicts itself: what it says of a package is not what the package says."""

    code = "broken-release"

    def __init__(self, message: str) -> None:
        super().__init__(message, remedy="Nothing was changed. Tell the owner of the channel.")


@dataclass(frozen=True, slots=True)
class VerifiedPackage:
    """A package of a release whose descriptor, manifest, facts and provenance have all been checked."""

    entry: ReleaseEntry
    descriptor: Descriptor
    manifest: Manifest
    facts: PackageFacts

    @property
    def store(self) -> str:
        """The name of its directory under `/packages`."""
        return self.manifest.store_path(self.entry.name, self.entry.version)


class Catalogue:
    """One release of a channel. Fetches only the parts of its index, and the packages, that are asked for."""

    def __init__(self, release: Release, builders: AllowedBuilders, downloads: Downloads) -> None:
        self.release = release
        self.downloads = downloads
        self._builders = builders
        self._index = IndexTree(self._read, release.index)
        self._what = f"index of release {release.number} of {release.channel}"

    def entry(self, name: str) -> ReleaseEntry:
        """Return the entry of a package by short name; fetches what of its path this host does not have.

        Raises `InvalidPackageNameError`, `UnknownPackageError`, `DownloadError`, `InvalidReleaseError`.
        """
        PackageName(self.release.distribution, name)  # refuses what is none, such as an argument that is not UTF-8
        found = self._index.entry(name)
        if found is None:
            near = difflib.get_close_matches(name, [listing.name for listing in self.listings()], n=3)
            raise UnknownPackageError(name, self.release, near)
        return found

    def listings(self) -> Iterator[Listing]:
        """Yield the lines of all packages, in no order; fetches what of the index this host does not have."""
        return listings(self._read, self.release.index, self._prefetch)

    def entries(self) -> Iterator[ReleaseEntry]:
        """Yield all entries. Each is a blob of its own: for names and summaries `listings` fetches far less."""
        for listing in self.listings():
            yield read_entry(self._read, listing)

    def closure(self, names: Iterable[str]) -> tuple[ReleaseEntry, ...]:
        """Return the entries of these packages and of all that they need at run time, sorted by name."""
        found: dict[str, ReleaseEntry] = {}
        waiting = set(names)
        with ThreadPoolExecutor(PARALLEL) as pool:
            while waiting:
                for entry in pool.map(self.entry, sorted(waiting)):
                    found[entry.name] = entry
                waiting = {need for name in waiting for need in found[name].needs} - found.keys()
        return tuple(found[name] for name in sorted(found))

    def verified(self, names: Iterable[str]) -> tuple[VerifiedPackage, ...]:
        """Return the closure of these packages, each checked, and the whole proven to be closed and free of conflicts.

        Raises `DownloadError`, `ProvenanceError`, `InvalidEnvelopeError`, `BrokenReleaseError`, `UnknownPackageError`.
        """
        packages = tuple(self._verify(entry) for entry in self.closure(names))
        proof = prove(PackageSet.of(Member.of(each.descriptor, each.facts, each.manifest) for each in packages))
        if proof.problems:
            raise BrokenReleaseError(
                f"release {self.release.number} of {self.release.channel} does not hold together: "
                + "; ".join(problem.message for problem in proof.problems)
            )
        return packages

    def checked(self, name: str) -> tuple[VerifiedPackage, Plan]:
        """Return one package, checked without what it needs, and the plan by which its builders say they built it.

        Raises as `verified`.
        """
        package = self._verify(self.entry(name))
        provenance = self.downloads.read(package.entry.provenance, f"provenance of {name}")
        return package, verify_provenance(provenance, self._builders, package.descriptor, package.entry.recipe)

    def _read(self, blob: BlobRef) -> bytes:
        return self.downloads.read(blob, self._what)

    def _prefetch(self, blobs: Sequence[BlobRef]) -> None:
        self.downloads.prefetch(blobs, self._what)

    def _verify(self, entry: ReleaseEntry) -> VerifiedPackage:
        descriptor = Descriptor.from_json(self.downloads.read(entry.descriptor, f"descriptor of {entry.name}"))
        named = (descriptor.name.distribution, descriptor.name.short, str(descriptor.version), descriptor.revision)
        if named != (self.release.distribution, entry.name, entry.version, entry.revision):
            raise BrokenReleaseError(f"the entry {entry.name} {entry.version}-{entry.revision} describes {named}")
        if (entry.manifest.digest, entry.facts.digest) != (descriptor.tree, descriptor.facts):
            raise BrokenReleaseError(f"the manifest or facts of {entry.name} are not those that its descriptor names")
        self._check_builders(entry, descriptor)
        manifest = Manifest.from_json(self.downloads.read(entry.manifest, f"manifest of {entry.name}"))
        facts = PackageFacts.from_json(self.downloads.read(entry.facts, f"facts of {entry.name}"))
        return VerifiedPackage(entry, descriptor, manifest, facts)

    def _check_builders(self, entry: ReleaseEntry, descriptor: Descriptor) -> None:
        """See that the package was built by an allowed builder, and by as many others as the channel asks for."""

        def builder(blob: BlobRef) -> str:
            content = self.downloads.read(blob, f"provenance of {entry.name}")
            return verified_builder(content, self._builders, descriptor, entry.recipe)

        found = {builder(entry.provenance)}
        needed = self._builders.needed(self.release.channel)
        for blob in entry.rebuilds:
            if len(found) >= needed:
                break
            with suppress(InvalidEnvelopeError):  # by a builder who is not allowed any more: the others may do
                found.add(builder(blob))
        check_agreement(found, needed, descriptor, self.release.channel)
