"""The gates of single packages as the checker asks them: from signed statements, and from the bytes that they name.

Each function collects signed inputs and returns the violation that the policy's gate finds (`farm.core.policy.gates`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.checker.reading.archive_contents import read_contents
from farm.core.fileset.archive_reader import STORE_ROOT
from farm.core.names.version import Version
from farm.core.package.facts import FORMAT
from farm.core.package.hardening import hardening_findings, producers_by_build_id
from farm.store.decompress import archive_chunks
from farm.trust.attestation.approval import is_approval
from farm.trust.attestation.provenance import outputs_by_plan

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from farm.checker.builds.plans import Plans
    from farm.checker.reading.published_advisories import PublishedAdvisories
    from farm.checker.reading.published_documents import PublishedDocuments
    from farm.checker.reading.published_identities import PublishedRecord
    from farm.core.names.digest import Digest
    from farm.core.package.descriptor import Descriptor
    from farm.core.package.facts import PackageFacts
    from farm.core.policy.channel import ChannelPolicy
    from farm.core.policy.gates.advisories import AdvisoriesGate
    from farm.core.policy.gates.approvals import ApprovalsGate
    from farm.core.policy.gates.gate import GateViolation
    from farm.core.policy.gates.hardening import HardeningGate
    from farm.core.policy.gates.host import HostGate
    from farm.core.policy.gates.licenses import LicensesGate
    from farm.core.policy.gates.reproduced import ReproducedGate
    from farm.core.policy.gates.soak import SoakGate
    from farm.trust.index.release_index import ReleaseEntry


@dataclass(frozen=True, slots=True)
class ChangedPackage:
    """A package that enters or leaves a channel, by its name in the set. An imported one has no `entry`."""

    name: str
    descriptor: Descriptor
    entry: ReleaseEntry | None


@dataclass(frozen=True, slots=True)
class GateInputs:
    """The inputs of the gates: the signed `policy` of the channel and the `curators` (keys by name, by group).

    `approvals` are envelopes; those of other people are ignored. `stays` is the checker's own record of what channels
    held, `now` the time by its clock. Packages that a curator has ordered to be `promoted`, by descriptor, need not
    soak. By the signer's ledger, the source channel has `taken_back` packages by a rollback.
    """

    policy: ChannelPolicy
    curators: Mapping[str, Mapping[str, str]]
    approvals: Sequence[bytes]
    described: PublishedDocuments
    plans: Plans
    advisories: PublishedAdvisories
    stays: PublishedRecord
    now: datetime
    promoted: Collection[Digest] = ()
    taken_back: Collection[Digest] = ()


def from_source(package: ChangedPackage, inputs: GateInputs) -> str:
    """The source channel, if there is one, has released the package, so that it has passed the gates there.

    A package that a rollback has removed there since was found to be wrong.
    """
    source, digest = inputs.policy.from_channel, package.descriptor.digest
    if not source or digest in inputs.promoted:
        return ""
    if digest in inputs.taken_back:
        return f"the source channel {source} has removed it by a rollback"
    if source in inputs.stays.channels_of(digest):
        return ""
    stay = inputs.stays.stay(source, package.name)
    return "" if stay and stay.descriptor == digest else f"the source channel {source} has never released it"


def gone_from_source(package: ChangedPackage, inputs: GateInputs) -> str:
    """The source channel, if there is one, no longer has the package."""
    source = inputs.policy.from_channel
    stay = (
        inputs.stays.stay(source, package.name) if source and package.descriptor.digest not in inputs.promoted else None
    )
    return f"the newest release of {source} holds it" if stay and stay.until is None else ""


def no_advisory(gate: AdvisoriesGate, package: ChangedPackage, inputs: GateInputs) -> str:
    """No published advisory of that severity affects it, unless a statement says that it is not affected."""
    version = package.name, Version(str(package.descriptor.version)), package.descriptor.revision
    found = gate.violations(*inputs.advisories.about(package.name), [version])
    return "; ".join(violation.reason for _, violation in found)


def approved(gate: ApprovalsGate, package: ChangedPackage, inputs: GateInputs, *, removed: bool = False) -> str:
    """Enough people of the group have signed that it may enter, or leave if it is `removed`."""
    channel, digest = inputs.policy.name, package.descriptor.digest
    given = [
        name
        for name, public in inputs.curators.get(gate.of, {}).items()
        if any(
            is_approval(approval, public, channel=channel, package=digest, curator=name, removed=removed)
            for approval in inputs.approvals
        )
    ]
    return gate.lacking(given, removed=removed)


def licensed(gate: LicensesGate, package: ChangedPackage, _asked: GateInputs) -> str:
    """Its license is allowed, or not denied."""
    return _reason(gate.violation(package.descriptor.license))


def within_host(gate: HostGate, package: ChangedPackage, _asked: GateInputs) -> str:
    """It needs nothing of its host that is not offered."""
    return _reason(gate.violation(package.descriptor.host))


def reproduced(gate: ReproducedGate, package: ChangedPackage, _asked: GateInputs) -> str:
    """Enough allowed builders have built it; their envelopes were verified with the entry that names them."""
    # The channel of its own distribution decides how many builders must agree.
    return gate.lacking(1 + len(package.entry.rebuilds)) if package.entry else ""


def soaked(gate: SoakGate, package: ChangedPackage, inputs: GateInputs) -> str:
    """The source channel has held it for the required time. Open reports are in the ledger, and not here."""
    source, digest = inputs.policy.from_channel, package.descriptor.digest
    if digest in inputs.promoted:
        return ""
    stay = inputs.stays.stay(source, package.name)
    since = stay.since if stay and stay.until is None and stay.descriptor == digest else None
    return _reason(gate.violation(source, since, inputs.now))


def gone_long_enough(gate: SoakGate, package: ChangedPackage, inputs: GateInputs) -> str:
    """The source channel has been without it for the required time; a package that was never there may leave."""
    source, stay = inputs.policy.from_channel, inputs.stays.stay(inputs.policy.from_channel, package.name)
    if package.descriptor.digest in inputs.promoted or stay is None or stay.until is None:
        return ""
    return _reason(gate.removal_violation(source, stay.until, inputs.now))


def hardened(gate: HardeningGate, package: ChangedPackage, inputs: GateInputs) -> str:
    """Its files lack no hardening, except what its recipe waives: the newest recipe of its plan, as it was tested.

    Imported packages are left to their distribution.
    """
    entry = package.entry
    if entry is None:
        return ""
    content = inputs.described.read(entry.provenance.digest, "provenance")
    _, together = outputs_by_plan(content, package.descriptor.plan)
    debug = (inputs.described.facts(inputs.described.descriptor(digest)) for digest in together)
    waivers = inputs.plans.read(entry.tested_by, entry.name).waivers
    return _reason(
        gate.violation(hardening_findings(_facts(entry, package, inputs), producers_by_build_id(debug), waivers))
    )


def _reason(violation: GateViolation | None) -> str:
    return violation.reason if violation else ""


def _facts(entry: ReleaseEntry, package: ChangedPackage, inputs: GateInputs) -> PackageFacts:
    """Return the facts of a package. Those of earlier workers are incomplete: then its archive is read again."""
    facts = inputs.described.facts(package.descriptor)
    if facts.format == FORMAT:
        return facts  # they were compared with the archive
    with inputs.described.blobs.open(entry.archive.digest) as archive:
        prefix = f"{STORE_ROOT}/{package.descriptor.store_path}"
        return read_contents(archive_chunks(archive), prefix=prefix).facts
