"""Whether a release may be signed: one question, answered from what targets have signed and from the blobs themselves.

Nothing that is asked about is taken from who asks: a request names the release and where evidence for it lies.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from farm.blobs import BlobStore
from farm.countersign.builds import Grounds, check_builds, read_evidence
from farm.countersign.gates import check_gates
from farm.countersign.origin import check_origin
from farm.countersign.ownership import Ownership
from farm.countersign.plans import Plans
from farm.countersign.refusal import RefusedReleaseError
from farm.countersign.said import check_said
from farm.countersign.sets import ReleasedSets
from farm.countersign.tested import Asked, ReleasedTests
from farm.package import Descriptor
from farm.recipe import TestsGate
from farm.trust.blob_limits import LARGEST_ENVELOPE
from farm.trust.countersign import check_release
from farm.trust.layout import BLOBS
from farm.trust.signed_policy import policy_in_force

if TYPE_CHECKING:
    from collections.abc import Iterable

    from farm.names import Digest
    from farm.recipe import ChannelPolicy
    from farm.trust.published_identities import PublishedRecord
    from farm.trust.release_evidence import ReleaseEvidence
    from farm.trust.release_index import Release, ReleaseEntry
    from farm.trust.repository import Repository
    from farm.trust.signed_policy import SignedPolicy

_LOG = logging.getLogger("farm.signer")


class Decision:
    """Decides about the releases of one repository, one after the other. For one thread.

    `record` is what was published in it before.
    """

    def __init__(self, repository: Repository, record: PublishedRecord) -> None:
        self._repository = repository
        self._record = record
        self._blobs = BlobStore(repository.root / BLOBS)
        self._sets = ReleasedSets(self._blobs)
        self._tests = ReleasedTests(self._blobs)

    def check(self, release: Release, evidence: Digest) -> tuple[ReleaseEntry, ...]:
        """Return the packages that are new in a release that may be signed.

        `evidence` is a blob that says what to look at (`ReleaseEvidence`). Where targets have signed no policy, as in a
        repository of an earlier farm, only what needs none is looked at.
        Raises a `FarmError` that says why it may not: `RefusedReleaseError`, `ProvenanceError`, and many others.
        """
        previous = self._repository.current(release.channel).release
        builders, policy = self._repository.builders(), policy_in_force(self._repository)
        self._record.catch_up(self._repository)
        new = check_release(release, previous, self._blobs, builders, self._record)
        trial = self._sets.prove(release, previous)
        if policy is None:
            _LOG.warning("no policy is signed: of plans and gates the farm is believed (farm keys draft targets)")
            return new
        brought = read_evidence(self._blobs, evidence)
        plans = Plans(release.distribution, policy, self._blobs)
        ownership = Ownership(release.distribution, policy, brought.submissions, self._blobs)
        grounds = Grounds(self._blobs, builders, plans, ownership, self._record)
        check_builds(new, brought, grounds)
        channel = _policy_of(release.channel, policy)
        source = self._repository.current(channel.from_channel).release if channel.from_channel else None
        check_origin(release, previous, channel, source, self._record, lambda blob: self._blobs.read(blob.digest))
        if not self._record.has_set(release.channel, release.package_set):
            check_said(new, (previous, source), grounds)
        self._check_gates(new, channel, policy, brought)
        scope = next((gate.of for gate in channel.gates if isinstance(gate, TestsGate)), None)
        # What goes back to a set of before was tested then.
        if scope and not self._record.has_set(release.channel, release.package_set):
            asked = Asked(scope, plans, builders, brought.tests)
            self._tests.check(release, previous, trial, asked)
        return new

    def _check_gates(
        self,
        new: Iterable[ReleaseEntry],
        channel: ChannelPolicy,
        policy: SignedPolicy,
        brought: ReleaseEvidence,
    ) -> None:
        digests = (entry.descriptor.digest for entry in new)
        arriving = (digest for digest in digests if channel.name not in self._record.channels_of(digest))
        described = (Descriptor.from_json(self._blobs.read(digest)) for digest in arriving)
        approvals = [self._blobs.read(each) for each in brought.approvals if self._is_envelope(each)]
        check_gates(described, channel, policy.policies.curators, approvals)

    def _is_envelope(self, digest: Digest) -> bool:
        return self._blobs.has(digest) and self._blobs.size(digest) <= LARGEST_ENVELOPE

    def accept(self, release: Release) -> None:
        """Go on from a release that was checked last, and is signed."""
        self._sets.accept(release)


def _policy_of(channel: str, policy: SignedPolicy) -> ChannelPolicy:
    found = policy.policies.policies.get(channel)
    if found is None:
        raise RefusedReleaseError(
            f"no policy of {channel} is signed",
            remedy="Draft it with `farm keys draft targets --policy RECIPES`, and have it signed.",
        )
    return found
