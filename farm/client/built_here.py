"""A package that was built on this host, described as a release describes its own, so that it can stand in for one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.client.overrides import BuiltHere
from farm.compat import Member, PackageSet, needs_of
from farm.fileset import Manifest
from farm.package import PackageFacts
from farm.plan import BlobRef
from farm.trust.release_index import ReleaseEntry

if TYPE_CHECKING:
    from collections.abc import Iterable

    from farm.blobs import BlobStore
    from farm.names import Digest
    from farm.plan import BuiltPackage


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
    """Return a package of `closure`, which is all that it needs to run; its descriptor is put into the store.

    What it needs is kept by name, to be met by the release's packages. Raises `OpenSetError`, `MissingBlobError`.
    """
    members = {}
    packages = {}
    for each in closure:
        facts = PackageFacts.from_json(store.read(each.facts.digest))
        member = Member.of(each.descriptor, facts, Manifest.from_json(store.read(each.manifest.digest)))
        members[member.name], packages[member.name] = member, each
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
        needs=tuple(each for each in needs if each != name),
    )
    return BuiltHere(entry, place)
