"""The last step of a candidate: the signer is asked for its release, which was recorded before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.core.names.digest import Digest
from farm.core.policy.gate_kind import GateKind
from farm.core.sets.findings.problem import listed
from farm.server.channels import candidates, excuses, refusals, releases, rollbacks
from farm.server.channels.excuses import Excuse
from farm.server.curation import orders
from farm.server.pipeline.excuses.decisions import Step, refuse, release_candidate
from farm.server.pipeline.gates.standing_gates import asked_again_at
from farm.server.pipeline.publication.order_delivery import OrderDelivery
from farm.server.pipeline.publication.publication import BlockedBlobError
from farm.server.pipeline.publication.signer_client import SignerRefusedError
from farm.server.pipeline.publishing.lost_blobs import mend
from farm.server.pipeline.publishing.signing_evidence import bring_evidence
from farm.server.tables.pipeline_states import CandidateState, OrderKind, StepState
from farm.store.errors import CorruptBlobError, MissingBlobError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from farm.server.channels.candidates import Candidate
    from farm.server.channels.differences import Differences
    from farm.server.channels.releases import ReleaseRecord
    from farm.server.pipeline.publication.publication import PublicStore, Signer
    from farm.server.tables.records import Package
    from farm.server.transaction.unit_of_work import Application, UnitOfWork
    from farm.trust.index.release_index import Release


_MOST_LOST = 100
"""So many blobs are put back for one release before the signer's refusal counts."""


@dataclass(frozen=True, slots=True)
class Unsigned:
    """A release that was recorded for a candidate, and that the signer has not been heard to sign."""

    candidate: Candidate
    record: ReleaseRecord
    release: Release


@dataclass(frozen=True, slots=True)
class Signing:
    """Has the releases of one channel signed. `offered` says what could be had that a release is without.

    `loading` says whose libraries had to be compared with those that they were built against, in a candidate.
    """

    application: Application
    channel: str
    public: PublicStore
    signer: Signer
    offered: Callable[[UnitOfWork, ReleaseRecord], Differences]
    loading: Callable[[UnitOfWork, Candidate], Sequence[Package]]

    def waiting(self) -> Unsigned | None:
        """Return the release that was recorded, and that the signer has not been heard to sign."""
        with self.application.reading() as unit:
            record = releases.newest_release(unit.session, self.channel, published=False)
            if record is None or record.published_at is not None or record.candidate_id is None:
                return None
            candidate = candidates.candidate(unit.session, record.candidate_id)
            if candidate is None or candidate.state is not CandidateState.OPEN:
                return None
            return Unsigned(candidate, record, self.public.release(record.digest))

    def sign(self, unsigned: Unsigned) -> Step:
        """Ask the signer, and write down that it has signed, or refused to. Raises `SignerUnreachableError`."""
        candidate, record = unsigned.candidate, unsigned.record
        # What was ordered before this release counts for it.
        OrderDelivery(self.application, self.signer).bring_all()
        with self.application.reading() as unit:
            loading = self.loading(unit, candidate)
            evidence = bring_evidence(unit, candidate, unsigned.release, self.public, loading)
        try:
            self._ask(unsigned.release, evidence)
        except SignerRefusedError as error:
            with self.application.planning() as unit:
                if not releases.drop_release(unit.session, record):
                    told = f"another process has seen to release {record.number} of {record.channel}"
                    return Step(record.channel, StepState.IDLE, told)
                return refuse(unit, candidate, _refusals(unit, candidate, error))
        message = f"release {record.number} of {record.channel} is published"
        with self.application.planning() as unit:
            releases.mark_published(unit.session, record.id, now=unit.now)
            order = orders.order_of(unit.session, candidate.id)
            if order is not None and order.kind is OrderKind.ROLLBACK:
                rollbacks.leave_out(unit.session, order.id, self.offered(unit, record))
            release_candidate(unit, candidate, message)
        return Step(record.channel, StepState.RELEASED, message)

    def _ask(self, release: Release, evidence: Digest) -> None:
        """Ask the signer; what it finds lost or spoiled is put back from the farm's own store, and it is asked again.

        Raises `SignerRefusedError`, which says so where that has none either or cannot give it, and
        `SignerUnreachableError`.
        """
        seen: set[Digest] = set()
        while True:
            try:
                self.signer.sign(release, evidence)
            except SignerRefusedError as error:
                lost = set(map(Digest, error.lost_blobs)) - seen
                if not lost or len(seen) >= _MOST_LOST:
                    raise
                seen |= lost
                self._put_back(lost, error)
                # Where one is gone, others may be: the signer would name them one after the other.
                mend(release, self.public)
                if (base := release.previous) is not None:
                    mend(self.public.release(base), self.public)
            else:
                return

    def _put_back(self, lost: Collection[Digest], refused: SignerRefusedError) -> None:
        gone: list[Digest] = []
        for digest in sorted(lost):
            try:
                self.public.put_back(digest)
            except (MissingBlobError, CorruptBlobError):
                gone.append(digest)
            except BlockedBlobError as error:
                remedy = f"{error.remedy} Then ask again with `farm candidate retry`."
                raise _unmended(refused, error.message, remedy, (digest,)) from error
        if gone:
            raise _gone(refused, gone) from refused


def _gone(error: SignerRefusedError, gone: Sequence[Digest]) -> SignerRefusedError:
    """Return a refusal that says what to do about blobs that nobody here has any more."""
    named = listed([str(digest) for digest in gone])
    remedy = (
        f"Bring {named} back into the farm's `blobs` or the repository's, from a backup or a mirror "
        "(the file is `blobs/sha256/AB/CDEF…` in each), then ask again with `farm candidate retry`."
    )
    return _unmended(error, "the farm's own store has no sound one either", remedy, gone)


def _unmended(error: SignerRefusedError, why: str, remedy: str, lost: Sequence[Digest]) -> SignerRefusedError:
    by_package = {name: (told, f"{what} {remedy}".strip()) for name, (told, what) in error.by_package.items()}
    told = f"{error.message}; {why}"
    return SignerRefusedError(told, remedy=remedy, by_package=by_package, said=error.said, lost_blobs=tuple(lost))


def _refusals(unit: UnitOfWork, candidate: Candidate, error: SignerRefusedError) -> list[Excuse]:
    """Return what holds a refused candidate back: the packages that the signer names, or all of it; and what was held.

    The next candidate leaves out what is named.
    """
    changes = {change.name: change for change in candidates.changes_of(unit.session, candidate.id)}
    refused = [
        Excuse(
            package=name,
            digest=changes[name].after,
            gate=GateKind.SIGNER,
            reason=why,
            remedy=remedy,
            until=asked_again_at(unit.now, refusals.count(unit.session, candidate.channel, name, changes[name].after)),
        )
        for name, (why, remedy) in error.by_package.items()
        if name in changes
    ]
    standing = excuses.standing(unit.session, candidate.channel)
    held = [excuse.excuse for excuse in standing if excuse.candidate == candidate.id]
    return [*held, *(refused or [_whole(unit, candidate, error)])]


def _whole(unit: UnitOfWork, candidate: Candidate, error: SignerRefusedError) -> Excuse:
    """Return what holds back a candidate of which the signer names no package."""
    before = refusals.count(unit.session, candidate.channel, "", None)
    until = asked_again_at(unit.now, before)
    return Excuse(package="", gate=GateKind.SIGNER, reason=error.message, remedy=error.remedy, until=until)
