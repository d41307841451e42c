"""A verified release as a subscriber sees it: packages by name, what each needs, and the proof that a set is whole."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.compat import Member, PackageSet, prove
from farm.errors import FarmError
from farm.fileset import Manifest
from farm.names import PackageName
from farm.package import Descriptor, PackageFacts
from farm.trust.provenance import verify_provenance
from farm.trust.release_index import ReleaseEntry, read_shard

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from securesystemslib.signer import Key

    from farm.client.download import Downloads
    from farm.trust.release_index import Release


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
    """One release of a channel. Fetches only the shards and packages that are asked for."""

    def __init__(self, release: Release, builders: Mapping[str, Key], downloads: Downloads) -> None:
        self.release = release
        self.downloads = downloads
        self._builders = builders
        self._shards: dict[str, dict[str, ReleaseEntry]] = {}

    def entry(self, name: str) -> ReleaseEntry:
        """Return the entry of a package by short name.

        Raises `InvalidPackageNameError`, `UnknownPackageError`, `DownloadError`.
        """
        PackageName(self.release.distribution, name)  # refuses what is none, such as an argument that is not UTF-8
        found = self._shard(self.release.shards.index(self.release.shard_of(name))).get(name)
        if found is None:
            near = difflib.get_close_matches(name, [entry.name for entry in self.entries()], n=3)
            raise UnknownPackageError(name, self.release, near)
        return found

    def entries(self) -> Iterator[ReleaseEntry]:
        """Yield all entries; fetches every shard that this host does not have."""
        for number in range(len(self.release.shards)):
            yield from self._shard(number).values()

    def closure(self, names: Iterable[str]) -> tuple[ReleaseEntry, ...]:
        """Return the entries of these packages and of all that they need at run time, sorted by name."""
        found: dict[str, ReleaseEntry] = {}
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            if name not in found:
                found[name] = self.entry(name)
                waiting.extend(found[name].needs)
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

    def _shard(self, number: int) -> dict[str, ReleaseEntry]:
        blob = self.release.shards[number]
        if blob.digest not in self._shards:
            what = f"shard {number} of release {self.release.number} of {self.release.channel}"
            self._shards[blob.digest] = read_shard(self.downloads.read(blob, what))
        return self._shards[blob.digest]

    def _verify(self, entry: ReleaseEntry) -> VerifiedPackage:
        descriptor = Descriptor.from_json(self.downloads.read(entry.descriptor, f"descriptor of {entry.name}"))
        named = (descriptor.name.distribution, descriptor.name.short, str(descriptor.version), descriptor.revision)
        if named != (self.release.distribution, entry.name, entry.version, entry.revision):
            raise BrokenReleaseError(f"the entry {entry.name} {entry.version}-{entry.revision} describes {named}")
        if (entry.manifest.digest, entry.facts.digest) != (descriptor.tree, descriptor.facts):
            raise BrokenReleaseError(f"the manifest or facts of {entry.name} are not those that its descriptor names")
        provenance = self.downloads.read(entry.provenance, f"provenance of {entry.name}")
        verify_provenance(provenance, self._builders, descriptor, entry.recipe)
        manifest = Manifest.from_json(self.downloads.read(entry.manifest, f"manifest of {entry.name}"))
        facts = PackageFacts.from_json(self.downloads.read(entry.facts, f"facts of {entry.name}"))
        return VerifiedPackage(entry, descriptor, manifest, facts)
