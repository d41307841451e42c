"""Packages of other distributions that a release takes and the database does not know: recorded from what shows them.

The signer has asked for it, so it lies beside the release: that their distribution has signed them, and their entries.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING

from farm.server.federation import imported
from farm.server.federation.following import package_of
from farm.store.errors import CorruptBlobError, MissingBlobError
from farm.trust.index.imports import imported_descriptors
from farm.trust.index.release_index import Release
from farm.trust.index.tree import IndexTree
from farm.trust.verification.release_proof import UnsignedAbroadError, verify_shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from farm.core.names.digest import Digest
    from farm.core.plan.job import BlobRef
    from farm.server.pipeline.publication.publication import PublicStore
    from farm.server.transaction.unit_of_work import UnitOfWork
    from farm.trust.index.imports import Import
    from farm.trust.verification.release_proof import ShownRelease

_MOST_STEPS = 5000
"""How many releases may have gone by since something was taken: it was shown once, when it was new."""


def unknown_imports(unit: UnitOfWork, release: Release) -> list[str]:
    """Return the packages of other distributions that a release takes and the database does not know, by full name."""
    after = imported_descriptors(release.imports)
    known = imported.packages_by_digest(unit.session, after.values())
    return sorted(name for name, digest in after.items() if digest not in known)


def record_imports(unit: UnitOfWork, release: Release, public: PublicStore) -> None:
    """Record what a release takes of others and the database does not know, as far as it is shown what it is.

    Whatever was brought for it is tried until something shows it: an earlier signer let more be brought than that.
    """

    def within(digest: Digest, most: int) -> bytes:
        if (size := public.size(digest)) > most:
            raise UnsignedAbroadError(f"the blob {digest} has {size} bytes, and the most is {most}")
        return public.read_digest(digest)

    unknown = set(unknown_imports(unit, release))
    for taken in release.imports:
        if unknown.isdisjoint(taken.names):
            continue
        for shown in _brought(release, taken, public):
            with suppress(MissingBlobError, CorruptBlobError, UnsignedAbroadError):  # the next may show it
                verify_shown(shown, taken, within)
                _record(unit, taken, shown, public)
                break


def _brought(release: Release, taken: Import, public: PublicStore) -> Iterator[ShownRelease]:
    """Yield what was brought to show what is taken, with this release and those before it that take it too."""
    for _ in range(_MOST_STEPS):
        yield from (each for each in public.evidence(release.digest).abroad if each.release == taken.release)
        if release.previous is None:
            return
        try:
            release = public.release(release.previous)
        except (MissingBlobError, CorruptBlobError):
            return
        if taken.release not in {pin.release for pin in release.imports}:
            return


def _record(unit: UnitOfWork, taken: Import, shown: ShownRelease, public: PublicStore) -> None:
    def brought(blob: BlobRef) -> bytes:
        content = public.read(blob)
        unit.blobs.put_bytes(content)
        return content

    theirs = Release.from_json(public.read_digest(taken.release))
    tree = IndexTree(brought, theirs.index)
    found = [package_of(theirs, entry) for package in taken.packages if (entry := tree.entry(package.name))]
    for each in found:
        for blob in (each.descriptor, each.facts, each.manifest):
            brought(blob)
    for digest in shown.blobs:
        unit.blobs.put_bytes(public.read_digest(digest))
    row = imported.add_release(
        unit.session,
        digest=theirs.digest,
        distribution=taken.distribution,
        channel=taken.channel,
        number=taken.number,
        root=taken.root,
        address=taken.address,
        now=unit.now,
    )
    imported.add_packages(unit.session, row.id, found)
    imported.show(unit.session, theirs.digest, taken.root, json.dumps(shown.to_dict()))
