"""Decides whether a release may be signed, from signed statements and from the blobs.

It trusts nothing in the request, which only names the release and the evidence for it.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from farm.checker.builds.builds import BuildContext, check_builds, read_evidence
from farm.checker.builds.entries import check_entries
from farm.checker.builds.known_builds import ReleaseContext
from farm.checker.builds.outputs import Outputs, are_side_by_side, check_removals, check_together
from farm.checker.builds.ownership import ReleasedRecipes, SignedOwnership
from farm.checker.builds.plans import Plans
from farm.checker.builds.release_check import check_release
from farm.checker.gates.gates import check_gates
from farm.checker.gates.interfaces import check_interfaces
from farm.checker.gates.move_gates import check_reports, check_transitions
from farm.checker.gates.newest_tests import NewestTests, named_tests
from farm.checker.gates.package_gates import GateInputs
from farm.checker.gates.test_results import ListedResults
from farm.checker.gates.tests import ReleasedTests
from farm.checker.imported import check_imported
from farm.checker.orders.orders import Orders, Permitted
from farm.checker.orders.version_moves import moves_of
from farm.checker.reading.change import ReleaseChange
from farm.checker.reading.published_advisories import PublishedAdvisories
from farm.checker.reading.published_documents import PublishedDocuments
from farm.checker.reading.refusal import RefusedReleaseError
from farm.checker.reading.test_record import CheckedRelease, NamedTests, PassedTest, TestFindings, TestRecord
from farm.checker.sets import ReleasedSets
from farm.core.policy.gates.set_gates import AbiGate, TestsGate
from farm.errors import FarmError
from farm.signing.evidence import ReleaseEvidence
from farm.store.blobs import BlobStore
from farm.trust.attestation.check_results import MOST_PROVENANCES, Checked, CheckedPreview, VerifiedRelease
from farm.trust.attestation.release_summary import evidence_of
from farm.trust.blob_limits import LARGEST_ENVELOPE
from farm.trust.layout import BLOBS
from farm.trust.metadata.delegation import channels_of
from farm.trust.metadata.repository import check_follows
from farm.trust.metadata.signed_policy import policy_in_force, who_may_order

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from farm.checker.builds.outputs import Output
    from farm.checker.reading.published_identities import PublishedRecord
    from farm.core.names.digest import Digest
    from farm.core.policy.channel import ChannelPolicy
    from farm.core.sets.proof.trial import TrialSet
    from farm.signing.consistency import LedgerView
    from farm.signing.state import LedgerState
    from farm.trust.index.release_index import Release
    from farm.trust.metadata.builders import AllowedBuilders
    from farm.trust.metadata.repository import Repository
    from farm.trust.metadata.signed_policy import SignedPolicy

_LOG = logging.getLogger("farm.checker")


class Decision:
    """Decides about the releases of one repository, one after the other. For one thread.

    `record` is what was published in it before, `ledger` what was signed, ordered and reported.
    """

    def __init__(
        self,
        repository: Repository,
        record: PublishedRecord,
        ledger: LedgerView,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._repository = repository
        self._record = record
        self._ledger = ledger
        self._blobs = BlobStore(repository.root / BLOBS)
        self._described = PublishedDocuments(self._blobs)
        self._sets = ReleasedSets(self._blobs)
        self._tests = ReleasedTests(self._blobs)
        self._past = TestRecord(record.directory, self._blobs)
        self._checked: dict[str, CheckedRelease] = {}
        """The findings about the release of each channel that passed last: they are kept once it is signed."""
        self._proven: dict[str, Release] = {}
        """The release of each channel that passed last: once it is signed, the next one follows it."""
        self._clock = clock

    def prepare(self) -> None:
        """Read what is published now, so that the first check is faster. Raises as `check`."""
        self._catch_up(self._repository.builders(), policy_in_force(self._repository))
        for newest in self._newest():
            self._sets.read(newest)

    def check(self, release: Release, evidence: Digest) -> VerifiedRelease:
        """Return what was verified of a release that may be signed.

        `evidence` is the digest of a `ReleaseEvidence`. If targets has signed no policy, as in a repository of an
        earlier farm, only the checks that need none are made.
        Raises a `FarmError` for a release that may not be signed: `RefusedReleaseError`, `ProvenanceError`, and many
        others.
        """
        previous = self._repository.current(release.channel).release
        if release != previous:
            check_follows(release, previous)
        if previous is None and not release.packages and not release.imports:
            raise RefusedReleaseError(f"the first release of {release.channel} has no package")
        builders, policy = self._repository.builders(), policy_in_force(self._repository)
        self._go_on_from(release.channel, previous)
        self._catch_up(builders, policy)
        change = ReleaseChange.of(release, previous, self._blobs)
        check_release(change, self._blobs, builders, self._record)
        trial = self._sets.prove(change)
        checked, permitted, found = [Checked.PROVENANCE, Checked.SET], Permitted(), TestFindings()
        if policy is None:
            _LOG.warning("no policy is signed: plans and gates are not checked (sign one: farm keys draft targets)")
        else:
            permitted, found = self._check_policy(change, trial, evidence, builders, policy)
            checked += _checked_by(policy, _policy_of(release.channel, policy))
        self._proven[release.channel] = release
        self._checked[release.channel] = CheckedRelease(release.digest, self._clock(), found)
        return _verified(change, builders, evidence, checked, permitted)

    def check_preview(self, release: Release, base: str) -> CheckedPreview:
        """Check a preview: all that it changes in the newest release of the channel `base` is by allowed builders.

        Gates are not asked, nor owners: nobody gets it who does not ask for it. Raises as `check`.
        """
        newest = self._repository.current(base).release
        builders = self._repository.builders()
        if release.imports != (newest.imports if newest else ()):
            raise RefusedReleaseError(f"{release.channel} changes what {base} imports")
        if newest is not None and release.distribution != newest.distribution:
            raise RefusedReleaseError(f"{release.channel} is of {release.distribution}, and {base} is not")
        self._catch_up(builders, policy_in_force(self._repository))
        check_release(ReleaseChange.of(release, newest, self._blobs), self._blobs, builders, self._record)
        return CheckedPreview(asked=release.digest, base=newest.digest if newest else None)

    def _check_policy(
        self,
        change: ReleaseChange,
        trial: TrialSet,
        evidence: Digest,
        builders: AllowedBuilders,
        policy: SignedPolicy,
    ) -> tuple[Permitted, TestFindings]:
        """Check that packages were built from their recipes, that orders permit what needs one, and the gates.

        Return what is permitted, and the findings about its tests.
        """
        release, previous = change.release, change.previous
        brought, state = read_evidence(self._blobs, evidence), self._ledger.state()
        check_imported(release, previous, policy.distributions, brought.proofs, self._described)
        plans = Plans(release.distribution, policy, self._blobs)
        ownership = SignedOwnership(
            release.distribution,
            policy,
            brought.submissions,
            self._blobs,
            released=ReleasedRecipes(self._newest, self._blobs).has,
            withdrawn=state.withdrawn_statements,
            now=self._clock(),
        )
        context = BuildContext(self._blobs, builders, plans, ownership, self._record)
        builds = check_builds(change.put, brought, context, release.channel)
        case = ReleaseContext(release, previous, self._blobs, builders, plans, brought, builds)
        channel, outputs = _policy_of(release.channel, policy), Outputs(change, self._blobs)
        moves = moves_of(change, self._blobs, self._record)
        orders = Orders(state, who_may_order(builders, policy), self._blobs, self._clock())
        permitted = orders.check(outputs, moves, brought.orders)
        check_reports(moves, channel, state)
        # An earlier set, to which a rollback was ordered, passed all this when it was released first.
        if permitted.goes_back:
            return permitted, TestFindings()
        self._check_outputs(outputs, channel, permitted)
        check_transitions(moves, channel, permitted)
        source = self._repository.current(channel.from_channel).release if channel.from_channel else None
        check_entries(change.put, (previous, source), context)
        newest = NewestTests(outputs, self._past, ownership, plans, policy.policies.owners is not None)
        inputs = self._gate_inputs(case, channel, policy, state, permitted)
        passed = self._check_gates(case, inputs, trial, newest)
        return permitted, TestFindings(passed, self._named(outputs, ownership, channel))

    def _catch_up(self, builders: AllowedBuilders, policy: SignedPolicy | None) -> None:
        """Record what was published since the last check. The tests that a channel names count for all channels."""
        checked_at = {checked.release: checked.at for checked in self._checked.values()}
        self._record.catch_up(self._repository, self._clock(), checked_at)
        for newest in self._newest():
            self._remember_tests(newest, builders, policy)

    def _newest(self) -> Iterator[Release]:
        head = self._repository.head()
        for channel in channels_of(head.targets):
            if (release := self._repository.current_of(head, channel).release) is not None:
                yield release

    def _check_outputs(self, outputs: Outputs, channel: ChannelPolicy, permitted: Permitted) -> None:
        """Check that the outputs of one build move together, and that none leaves that is still made.

        Two builds may be present together if a curator has ordered one package alone, or the source has them so.
        """
        source = channel.from_channel

        def is_apart(came: Output, name: str, beside: Output | None) -> bool:
            if permitted.is_alone(came.name, came.package, name):
                return True
            return bool(source) and are_side_by_side(came, name, beside, source, self._record)

        check_together(outputs, is_apart)
        if not source:  # otherwise the gates check that it has left the source
            check_removals(outputs, permitted.takes_out)

    def _go_on_from(self, channel: str, previous: Release | None) -> None:
        """Continue from the release that passed last, if it was signed; otherwise discard it."""
        proven = self._proven.pop(channel, None)
        if proven is not None and proven == previous:
            self._sets.accept(proven)

    def _gate_inputs(
        self,
        case: ReleaseContext,
        channel: ChannelPolicy,
        policy: SignedPolicy,
        state: LedgerState,
        permitted: Permitted,
    ) -> GateInputs:
        """Return the inputs of the gates of single packages. An approval counts if it does for every group."""
        curators, now = policy.policies.curators, self._clock()
        given = [
            self._blobs.read(digest)
            for digest in case.brought.approvals
            if self._blobs.has(digest) and self._blobs.size(digest) <= LARGEST_ENVELOPE
        ]
        return GateInputs(
            policy=channel,
            curators=curators,
            approvals=[
                approval
                for approval in given
                if all(state.counts(approval, people, case.release.distribution, now) for people in curators.values())
            ],
            described=self._described,
            plans=case.plans,
            advisories=PublishedAdvisories(self._repository, self._described),
            stays=self._record,
            now=now,
            promoted=permitted.promoted,
            taken_back=state.rolled_back.get(channel.from_channel, frozenset()),
        )

    def _check_gates(
        self, case: ReleaseContext, inputs: GateInputs, trial: TrialSet, newest: NewestTests
    ) -> tuple[PassedTest, ...]:
        """Check the gates of packages and of the set; return the tests that have passed."""
        change = newest.outputs.change
        if inputs.policy.reads_recipes:
            newest.check(change.put)
        check_gates(change, inputs)
        passed: tuple[PassedTest, ...] = ()
        for gate in inputs.policy.gates:
            if isinstance(gate, AbiGate):
                check_interfaces(case, trial)
            elif isinstance(gate, TestsGate):
                passed = self._tests.check(case, gate.of, trial, newest)
        return passed

    def _remember_tests(self, newest: Release, builders: AllowedBuilders, policy: SignedPolicy | None) -> None:
        """Record the tests of what a channel has released since the last time."""

        def published(release: Release, before: Release | None) -> TestFindings:
            brought, channel = self._brought_with(release), policy and policy.policies.policies.get(release.channel)
            passed = ListedResults(brought.tests, builders, release.channel, self._blobs).passed()
            if policy is None or not channel:
                return TestFindings(passed)
            outputs = Outputs(ReleaseChange.of(release, before, self._blobs), self._blobs)
            ownership = SignedOwnership(release.distribution, policy, brought.submissions, self._blobs)
            try:
                return TestFindings(passed, self._named(outputs, ownership, channel))
            except FarmError:
                if channel.reads_recipes:
                    raise
                return TestFindings(passed)  # no decision depends on what is lost

        self._past.catch_up(newest, self._clock(), self._checked.get(newest.channel), published)

    def _named(self, outputs: Outputs, ownership: SignedOwnership, channel: ChannelPolicy) -> tuple[NamedTests, ...]:
        """Return the recipes that a release names for tests; where no gate needs them, those that an owner has signed.

        Otherwise a signature could be withheld until the package enters another channel, and then count as new.
        """
        named = named_tests(outputs, ownership)
        return named if channel.reads_recipes else tuple(tests for tests in named if tests.signed is not None)

    def _brought_with(self, release: Release) -> ReleaseEvidence:
        """Return the evidence of a published release; empty if it is lost or malformed.

        The requester of that release chose it: an error in it must not prevent checks of later releases.
        """
        summary = self._repository.summary(release.digest)
        named = evidence_of(summary) if summary else None
        try:
            return read_evidence(self._blobs, named) if named else ReleaseEvidence()
        except FarmError:
            return ReleaseEvidence()


def _verified(
    change: ReleaseChange,
    builders: AllowedBuilders,
    evidence: Digest,
    checked: Sequence[Checked],
    permitted: Permitted,
) -> VerifiedRelease:
    assert builders.document is not None  # noqa: S101  (they were read from one)
    new, previous = change.put, change.previous
    named = new if len(new) <= MOST_PROVENANCES else ()
    return VerifiedRelease(
        release=change.release.digest,
        previous=previous.digest if previous else None,
        policy=builders.document,
        evidence=evidence,
        new=tuple(entry.name for entry in new),
        provenances=tuple((entry.name, blob.digest) for entry in named for blob in (entry.provenance, *entry.rebuilds)),
        checked=tuple(checked),
        orders=permitted.orders,
        rolled_back=permitted.rolled_back,
        returned=permitted.returned,
    )


def _checked_by(policy: SignedPolicy, channel: ChannelPolicy) -> list[Checked]:
    """Return what was checked: only that can be signed."""
    owned = [Checked.OWNERS] if policy.policies.owners is not None else []
    tested = [Checked.TESTS] if any(isinstance(gate, TestsGate) for gate in channel.gates) else []
    return [Checked.PLANS, *owned, Checked.GATES, *tested]


def _policy_of(channel: str, policy: SignedPolicy) -> ChannelPolicy:
    found = policy.policies.policies.get(channel)
    if found is None:
        raise RefusedReleaseError(
            f"no policy of {channel} is signed",
            remedy="Draft it with `farm keys draft targets --policy RECIPES`, and have it signed.",
        )
    return found
