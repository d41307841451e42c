"""Adopts releases that are published and unknown to the database: the channel goes on from what users have.

An older database may have been restored, a row may be gone or edited, or a release may have been signed without the
farm's knowledge: it has passed the signer's gates. Only the signer writes metadata, so what is published counts. A
release that only the database has is set aside: nothing could follow it. If the published directory was replaced by an
older one, the release is adopted once the right directory is back.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING

from farm.core.sets.findings.problem import listed
from farm.server.channels import candidates, differences, excuses, published_releases, releases
from farm.server.channels.candidates import Source
from farm.server.federation import imported
from farm.server.federation.following import package_of
from farm.server.identities.access import Actor, audit
from farm.server.pipeline.publishing.record_release import add_release
from farm.server.pipeline.publishing.unknown_packages import UnrecordedPackageError, record_rebuilds, record_unknown
from farm.server.pipeline.round_result import RoundResult
from farm.server.tables.pipeline_states import CandidateOrigin, CandidateState, ChangeState, RoundState
from farm.store.errors import CorruptBlobError, MissingBlobError
from farm.trust.index.imports import imported_descriptors
from farm.trust.index.release_index import Release
from farm.trust.index.release_time import released_time
from farm.trust.index.tree import IndexTree, difference
from farm.trust.verification.release_proof import UnprovenReleaseError, verify_release_proof

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from farm.core.names.digest import Digest
    from farm.core.plan.job import BlobRef
    from farm.server.pipeline.repository.public_store import PublicStore
    from farm.server.transaction.unit_of_work import Application, UnitOfWork
    from farm.trust.index.imports import Import
    from farm.trust.index.tree import Difference
    from farm.trust.verification.release_proof import ReleaseProof


_PIPELINE = Actor("pipeline")


class Adoption:
    """Compares the published releases of one channel with the database. For one thread."""

    def __init__(self, application: Application, channel: str, public: PublicStore) -> None:
        self._application = application
        self._channel = channel
        self._public = public

    def adopt(self) -> RoundResult | None:
        """Adopt the releases that are published and unknown, oldest first; return None if there are none.

        Each release is a transaction of its own: a process that is killed continues after the last one. If there are
        none, the cost is three small reads. Raises `RepositoryStateError`, `UnrecordedPackageError`, and what reading a
        blob raises.
        """
        published = self._public.published(self._channel)
        number = published.number if published else 0
        with self._application.reading() as unit:
            beyond = published_releases.later_numbers(unit.session, self._channel, number)
            waiting = self._unknown(unit, published) if published and self._is_unknown(unit, published) else []
        if not beyond and not waiting:
            return None
        if beyond:
            with self._application.planning() as unit:
                self._set_aside(unit, beyond, number)
        while waiting:
            with self._application.planning() as unit:
                self._adopt(unit, waiting.pop())
        reason = (
            _adopted_reason(published) if published and not beyond else _set_aside_reason(self._channel, beyond, number)
        )
        return RoundResult(self._channel, RoundState.RELEASED, reason)

    def _is_unknown(self, unit: UnitOfWork, published: Release) -> bool:
        which = self._channel, published.number, published.digest
        if published_releases.is_recorded(unit.session, *which):
            return False
        # A release that was signed for this farm's open candidate, before the farm got the answer: the farm asks again.
        return not published_releases.has_open_candidate(unit.session, *which)

    def _set_aside(self, unit: UnitOfWork, beyond: Sequence[int], number: int) -> None:
        reason = _set_aside_reason(self._channel, beyond, number)
        published_releases.set_aside(unit.session, self._channel, number, reason=reason)
        audit(unit, _PIPELINE, "set aside", f"channel {self._channel}", reason, channel=self._channel)

    def _unknown(self, unit: UnitOfWork, published: Release) -> list[Release]:
        """Return the unknown releases, newest first, back to a recorded one, or as far as they can be read."""
        found = [published]
        while (previous := found[-1].previous) is not None:
            if published_releases.is_recorded(unit.session, self._channel, found[-1].number - 1, previous):
                break
            try:
                release = self._public.release(previous)
            except (MissingBlobError, CorruptBlobError):
                break  # the release cannot be read: the next one is adopted as a whole
            if unknown_imports(unit, release):
                break  # the release in force no longer holds these imports: that one counts
            found.append(release)
        return found

    def _adopt(self, unit: UnitOfWork, release: Release) -> None:
        candidate = published_releases.make_room(unit.session, self._channel, release.number, release.digest)
        moved = self._moved(unit, release)
        record_unknown(unit, release, moved.put, self._public)
        record_rebuilds(unit, release, moved.put, self._public)
        names = [*(entry.name for entry in moved.put), *moved.removed]
        before = releases.members_named(unit.session, self._channel, release.number - 1, names)
        after = {entry.name: entry.descriptor.digest for entry in moved.put}
        changes = {name: after.get(name) for name in names if before.get(name) != after.get(name)}
        reason = _adopted_reason(release)
        if candidate is None:
            own = {name: (before.get(name), digest) for name, digest in changes.items()}
            candidate = self._candidate(unit, release, own | self._imported(unit, release))
        candidates.change_reason(unit.session, candidate, reason)
        at, trace = released_time(release), f"taken-up-{self._channel}-{release.number}"
        needs = {entry.name: entry.needs for entry in moved.put}
        record = add_release(unit, release, candidate, changes, needs, trace=trace, now=at)
        releases.mark_published(unit.session, record.id, now=at)
        by = f"release {release.number} of {self._channel}"
        excuses.clear(unit.session, self._channel, after, by=by, now=unit.now)
        audit(unit, _PIPELINE, "adopt", by, f"{reason}: {release.digest}", channel=self._channel)

    def _moved(self, unit: UnitOfWork, release: Release) -> Difference:
        """Return what changes from the release before, as the database has it, to this one."""
        previous, number = release.previous, release.number - 1
        if previous is None:
            return difference(self._public.read, None, release.index)
        if published_releases.is_recorded(unit.session, self._channel, number, previous):
            return difference(self._public.read, self._public.release(previous).index, release.index)
        whole = difference(self._public.read, None, release.index)
        held = releases.release_set(unit.session, self._channel, number)
        gone = held.keys() - {entry.name for entry in whole.put}
        return type(whole)(whole.put, tuple(sorted(gone)))

    def _candidate(
        self, unit: UnitOfWork, release: Release, changes: Mapping[str, tuple[Digest | None, Digest | None]]
    ) -> int:
        """Record a candidate for a release that has none: pages show from it what changed, and why."""
        at = released_time(release)
        source = Source(CandidateOrigin.COLLECTED)
        opened = candidates.add_candidate(
            unit.session, self._channel, changes, base_number=release.number - 1, source=source, now=at
        )
        candidates.place_changes(unit.session, opened.id, changes, state=ChangeState.ACCEPTED)
        pins = [imported.find_release(unit.session, taken.release) for taken in release.imports]
        imported.pin_candidate(unit.session, opened.id, [pin for pin in pins if pin])
        candidates.decide(unit.session, opened.id, CandidateState.RELEASED, reason="", now=at)
        return opened.id

    def _imported(self, unit: UnitOfWork, release: Release) -> dict[str, tuple[Digest | None, Digest | None]]:
        """Return the changes of imported packages, by full name. Raises `UnrecordedPackageError`."""
        after = imported_descriptors(release.imports)
        record_imports(unit, release, self._public)
        if lacking := unknown_imports(unit, release):
            raise UnrecordedPackageError(
                release,
                f"the builds of {listed(lacking)} that it imports from {listed([str(pin) for pin in release.imports])}",
                "Let control see these releases, which it follows by itself while they are the newest there, or "
                "restore a backup of the database that is newer.",
            )
        before: dict[str, Digest] = {}
        if release.previous is not None:
            with suppress(MissingBlobError, CorruptBlobError):
                before = imported_descriptors(self._public.release(release.previous).imports)
        return differences.between(before, after)


def _set_aside_reason(channel: str, beyond: Sequence[int], number: int) -> str:
    which = f"ends at release {number}" if number else "has no release"
    were, them = ("was", "it") if len(beyond) == 1 else ("were", "them")
    return (
        f"{listed([f'release {aside}' for aside in beyond])} of {channel} {were} set aside: the database has {them} as "
        f"published, but the published repository {which}"
    )


def _adopted_reason(release: Release) -> str:
    return (
        f"release {release.number} of {release.channel} was adopted: it is published, and the database did not know "
        "it, or knew another"
    )


_MOST_STEPS = 5000
"""How many releases back to search for the proof of an import, which was given once, when the import was new."""


def unknown_imports(unit: UnitOfWork, release: Release) -> list[str]:
    """Return the imported packages of a release that the database does not know, by full name."""
    after = imported_descriptors(release.imports)
    known = imported.packages_by_digest(unit.session, after.values())
    return sorted(name for name, digest in after.items() if digest not in known)


def record_imports(unit: UnitOfWork, release: Release, public: PublicStore) -> None:
    """Record the imports of a release that the database does not know, if their proof can be found.

    Each proof among the evidence is tried until one verifies: earlier signers accepted evidence that proves nothing.
    """

    def within(digest: Digest, most: int) -> bytes:
        if (size := public.size(digest)) > most:
            raise UnprovenReleaseError(f"the blob {digest} has {size} bytes, and the most is {most}")
        return public.read_digest(digest)

    unknown = set(unknown_imports(unit, release))
    for taken in release.imports:
        if unknown.isdisjoint(taken.names):
            continue
        for shown in _brought(release, taken, public):
            with suppress(MissingBlobError, CorruptBlobError, UnprovenReleaseError):  # the next proof may verify
                verify_release_proof(shown, taken, within)
                _record_import(unit, taken, shown, public)
                break


def _brought(release: Release, taken: Import, public: PublicStore) -> Iterator[ReleaseProof]:
    """Yield the proofs for an import, from the evidence of this release and of those before with the same import."""
    for _ in range(_MOST_STEPS):
        yield from (proof for proof in public.evidence(release.digest).proofs if proof.release == taken.release)
        if release.previous is None:
            return
        try:
            release = public.release(release.previous)
        except (MissingBlobError, CorruptBlobError):
            return
        if taken.release not in {pin.release for pin in release.imports}:
            return


def _record_import(unit: UnitOfWork, taken: Import, shown: ReleaseProof, public: PublicStore) -> None:
    def brought(blob: BlobRef) -> bytes:
        content = public.read(blob)
        unit.blobs.put_bytes(content)
        return content

    theirs = Release.from_json(public.read_digest(taken.release))
    tree = IndexTree(brought, theirs.index)
    found = [package_of(theirs, entry) for listing in taken.packages if (entry := tree.entry(listing.name))]
    for package in found:
        for blob in (package.descriptor, package.facts, package.manifest):
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
