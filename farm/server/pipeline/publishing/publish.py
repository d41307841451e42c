"""Publishing a recorded release: `Publication.publish` brings orders and evidence to the signer, and has it sign.

The blobs of the release are in the public store already (`record_release`); the signer writes the metadata.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.core.names.digest import Digest
from farm.core.policy.gate_kind import GateKind
from farm.core.sets.findings.problem import listed
from farm.server.channels import candidates, excuses, releases, rollbacks
from farm.server.channels.excuses import Excuse
from farm.server.curation import orders
from farm.server.events.recording import touch_release
from farm.server.pipeline.excuses.decisions import end_candidate, refuse
from farm.server.pipeline.gates.standing_gates import asked_again_at
from farm.server.pipeline.publishing.lost_blobs import restore
from farm.server.pipeline.publishing.record_release import RecordedRelease
from farm.server.pipeline.publishing.signing_evidence import bring_evidence
from farm.server.pipeline.repository.order_delivery import OrderDelivery
from farm.server.pipeline.repository.public_store import BlockedBlobError
from farm.server.pipeline.repository.signer_client import SignerRefusedError
from farm.server.pipeline.round_result import RoundResult
from farm.server.tables.pipeline_states import CandidateState, OrderKind, RoundState
from farm.store.errors import CorruptBlobError, MissingBlobError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from farm.server.channels.candidates import Candidate
    from farm.server.channels.differences import Differences
    from farm.server.channels.releases import ReleaseRecord
    from farm.server.pipeline.repository.public_store import PublicStore
    from farm.server.pipeline.repository.signer_client import Signer
    from farm.server.tables.records import Package
    from farm.server.transaction.unit_of_work import Application, UnitOfWork
    from farm.trust.index.release_index import Release


_MOST_LOST = 100
"""Blobs that are restored for one release before the signer's refusal counts."""


@dataclass(frozen=True, slots=True)
class Publication:
    """Publishes the releases of one channel.

    `not_released` returns the changes that a release could have made and did not; `loading` returns the
    packages of a candidate whose libraries had to be compared with those of their builds.
    """

    application: Application
    channel: str
    public: PublicStore
    signer: Signer
    not_released: Callable[[UnitOfWork, ReleaseRecord], Differences]
    loading: Callable[[UnitOfWork, Candidate], Sequence[Package]]

    def unpublished(self) -> RecordedRelease | None:
        """Return the release that was recorded and is not known to be published."""
        with self.application.reading() as unit:
            record = releases.newest_release(unit.session, self.channel, published=False)
            if record is None or record.published_at is not None or record.candidate_id is None:
                return None
            candidate = candidates.candidate(unit.session, record.candidate_id)
            if candidate is None or candidate.state is not CandidateState.OPEN:
                return None
            return RecordedRelease(candidate, record, self.public.release(record.digest))

    def publish(self, recorded: RecordedRelease) -> RoundResult:
        """Have the signer publish a release, and record that it did or refused. Raises `SignerUnreachableError`."""
        # Orders that were given before this release count for it.
        OrderDelivery(self.application, self.signer).bring_all()
        with self.application.reading() as unit:
            loading = self.loading(unit, recorded.candidate)
            evidence = bring_evidence(unit, recorded.candidate, recorded.release, self.public, loading)
        try:
            self._sign(recorded.release, evidence)
        except SignerRefusedError as error:
            return self._record_refusal(recorded, error)
        return self._record_published(recorded)

    def _record_refusal(self, recorded: RecordedRelease, error: SignerRefusedError) -> RoundResult:
        candidate, record = recorded.candidate, recorded.record
        with self.application.planning() as unit:
            if not releases.drop_release(unit.session, record):
                message = f"another process has dealt with release {record.number} of {record.channel}"
                return RoundResult(record.channel, RoundState.IDLE, message)
            return refuse(unit, candidate, _refusals(unit, candidate, error))

    def _record_published(self, recorded: RecordedRelease) -> RoundResult:
        candidate, record = recorded.candidate, recorded.record
        message = f"release {record.number} of {record.channel} is published"
        with self.application.planning() as unit:
            releases.mark_published(unit.session, record.id, now=unit.now)
            touch_release(unit.session, record.channel, record.number, now=unit.now)
            order = orders.order_of(unit.session, candidate.id)
            if order is not None and order.kind is OrderKind.ROLLBACK:
                rollbacks.leave_out(unit.session, order.id, self.not_released(unit, record))
            end_candidate(unit, candidate, CandidateState.RELEASED, message)
        return RoundResult(record.channel, RoundState.RELEASED, message)

    def _sign(self, release: Release, evidence: Digest) -> None:
        """Ask the signer; restore blobs that it finds lost or damaged from the farm's own store, and ask again.

        Raises `SignerRefusedError`, also if that store cannot help, and `SignerUnreachableError`.
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
                # If one blob is gone, others may be: the signer would name them one by one.
                restore(release, self.public)
                if (base := release.previous) is not None:
                    restore(self.public.release(base), self.public)
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
                raise _unrepaired(refused, error.message, remedy, (digest,)) from error
        if gone:
            raise _gone(refused, gone) from refused


def _gone(error: SignerRefusedError, gone: Sequence[Digest]) -> SignerRefusedError:
    """Return a refusal with a remedy for blobs that this farm has lost."""
    named = listed([str(digest) for digest in gone])
    remedy = (
        f"Bring {named} back into the farm's `blobs` or the repository's, from a backup or a mirror "
        "(the file is `blobs/sha256/AB/CDEF…` in each), then ask again with `farm candidate retry`."
    )
    return _unrepaired(error, "the farm's own store has no intact copy either", remedy, gone)


def _unrepaired(error: SignerRefusedError, why: str, remedy: str, lost: Sequence[Digest]) -> SignerRefusedError:
    by_package = {name: (reason, f"{first} {remedy}".strip()) for name, (reason, first) in error.by_package.items()}
    message = f"{error.message}; {why}"
    return SignerRefusedError(message, remedy=remedy, by_package=by_package, said=error.said, lost_blobs=tuple(lost))


def _refusals(unit: UnitOfWork, candidate: Candidate, error: SignerRefusedError) -> list[Excuse]:
    """Return the excuses of a refused candidate: its own, and those for the packages that the signer names, or for all.

    The next candidate leaves out the named packages.
    """
    changes = {change.name: change.after for change in candidates.changes_of(unit.session, candidate.id)}
    # A refusal without packages is about the candidate as a whole.
    named = {name: why for name, why in error.by_package.items() if name in changes}
    refused = [
        Excuse(
            package=name,
            digest=changes.get(name),
            gate=GateKind.SIGNER,
            reason=why,
            remedy=remedy,
            until=asked_again_at(
                unit.now, excuses.count_refusals(unit.session, candidate.channel, name, changes.get(name))
            ),
        )
        for name, (why, remedy) in (named or {"": (error.message, error.remedy)}).items()
    ]
    standing = excuses.open_excuses(unit.session, candidate.channel)
    return [*(kept.excuse for kept in standing if kept.candidate == candidate.id), *refused]
