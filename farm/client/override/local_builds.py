"""A package that was built on this host, described like a package of a release, so that it can replace one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.client.override.overrides import BuiltHere, OverrideError
from farm.client.repository.catalogue import VerifiedPackage
from farm.client.repository.download import Downloads
from farm.core.fileset.manifest import Manifest
from farm.core.package.descriptor import Descriptor
from farm.core.package.facts import PackageFacts
from farm.core.plan.job import BlobRef
from farm.core.sets.members.member import Member
from farm.core.sets.members.package_set import PackageSet
from farm.core.sets.proof.closure import needs_of
from farm.trust.index.release_index import ReleaseEntry

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from farm.core.names.digest import Digest
    from farm.core.plan.job import BuiltPackage
    from farm.store.blobs import BlobStore


def built_here(
    name: str,
    closure: Iterable[BuiltPackage],
    store: BlobStore,
    *,
    summary: str,
    recipe: Digest,
    provenance: Digest,
    place: str,
) -> BuiltHere:
    """Return a package of `closure`, which is everything that it needs to run; its descriptor is put into the store.

    Its needs are recorded by name, to be met by the release's packages. Raises `OpenSetError`, `MissingBlobError`.
    """
    members = {}
    packages = {}
    for built in closure:
        facts = PackageFacts.from_json(store.read(built.facts.digest))
        member = Member.of(built.descriptor, facts, Manifest.from_json(store.read(built.manifest.digest)))
        members[member.name], packages[member.name] = member, built
    package = packages[name]
    needs = needs_of(PackageSet.of(members.values()), [name])[name]
    content = package.descriptor.to_json()
    entry = ReleaseEntry(
        name=name,
        version=str(package.descriptor.version),
        revision=package.descriptor.revision,
        summary=summary,
        descriptor=BlobRef(store.put_bytes(content), len(content)),
        archive=package.archive,
        manifest=package.manifest,
        facts=package.facts,
        provenance=BlobRef(provenance, store.size(provenance)),
        recipe=recipe,
        needs=tuple(need for need in needs if need != name),
    )
    return BuiltHere(entry, place)


def open_built_here(blobs: BlobStore, source: BuiltHere, *, is_imported: bool = False) -> VerifiedPackage:
    """Return a package that was built here, verified by its digests.

    With `is_imported`, a set knows it by its full name. Raises `MissingBlobError`, `CorruptBlobError`.
    """
    entry = source.entry
    descriptor = Descriptor.from_json(blobs.read(entry.descriptor.digest))
    manifest = Manifest.from_json(blobs.read(entry.manifest.digest))
    facts = PackageFacts.from_json(blobs.read(entry.facts.digest))
    return VerifiedPackage(entry, descriptor, manifest, facts, Downloads(_OfThisHost(source), blobs), is_imported)


@dataclass(frozen=True, slots=True)
class _OfThisHost:
    """The source of a local build's blobs: there is none to fetch from."""

    source: BuiltHere

    def stream(self, path: str, offset: int = 0) -> Iterator[bytes]:  # noqa: ARG002
        """Raise an error: the blob exists only on this host."""
        raise OverrideError(
            f"{self.source}, is not on this host any more",
            remedy="Build it again with `farm override add`, or pack it again with `farm pack`.",
        )
