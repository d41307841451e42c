"""The gates of single packages as the checker asks them: from signed statements, and from the bytes that they name.

Each function gathers what is signed and returns what the gate of the policy (`farm.core.policy.gates`) objects to.
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
    from farm.checker.reading.described import Described
    from farm.checker.reading.published_advisories import PublishedAdvisories
    from farm.checker.reading.published_identities import PublishedRecord
    from farm.core.names.digest import Digest
    from farm.core.package.descriptor import Descriptor
    from farm.core.package.facts import PackageFacts
    from farm.core.policy.channel import ChannelPolicy
    from farm.core.policy.gates.advisories import AdvisoriesGate
    from farm.core.policy.gates.approvals import ApprovalsGate
    from farm.core.policy.gates.gate import Objection
    from farm.core.policy.gates.hardening import HardeningGate
    from farm.core.policy.gates.host import HostGate
    from farm.core.policy.gates.licenses import LicensesGate
    from farm.core.policy.gates.reproduced import ReproducedGate
    from farm.core.policy.gates.soak import SoakGate
    from farm.trust.index.release_index import ReleaseEntry


@dataclass(frozen=True, slots=True)
class Moving:
    """A package that comes into a channel, or goes, by the name that the set knows it by.

    One of another distribution has no `entry`.
    """

    name: str
    descriptor: Descriptor
    entry: ReleaseEntry | None


@dataclass(frozen=True, slots=True)
class Asked:
    """What gates are asked by: the signed `policy` of the channel and the `curators` (keys by name, by group).

    `approvals` are envelopes, of which those of others count for nothing; `stays` is the checker's own memory of what
    channels held, and `now` the time by its clock. What a curator has ordered to be `promoted`, by descriptor, does not
    wait for that. What the channel that packages come from has `taken_back` by a rollback, the signer's ledger says.
    """

    policy: ChannelPolicy
    curators: Mapping[str, Mapping[str, str]]
    approvals: Sequence[bytes]
    described: Described
    plans: Plans
    advisories: PublishedAdvisories
    stays: PublishedRecord
    now: datetime
    promoted: Collection[Digest] = ()
    taken_back: Collection[Digest] = ()


def from_source(package: Moving, asked: Asked) -> str:
    """Where a channel takes what another has released, that has released it: it has passed the gates over there.

    What a rollback has taken out over there, somebody has found wrong since.
    """
    source, digest = asked.policy.from_channel, package.descriptor.digest
    if not source or digest in asked.promoted:
        return ""
    if digest in asked.taken_back:
        return f"{source}, from which packages come, has taken it back by a rollback"
    if source in asked.stays.channels_of(digest):
        return ""
    stay = asked.stays.stay(source, package.name)
    return "" if stay and stay.descriptor == digest else f"{source}, from which packages come, has never released it"


def gone_from_source(package: Moving, asked: Asked) -> str:
    """Where a channel takes what another has released, that has it no more."""
    source = asked.policy.from_channel
    stay = (
        asked.stays.stay(source, package.name) if source and package.descriptor.digest not in asked.promoted else None
    )
    return f"the newest release of {source} holds it" if stay and stay.until is None else ""


def no_advisory(gate: AdvisoriesGate, package: Moving, asked: Asked) -> str:
    """No advisory of the published list that is as bad holds for it, unless it is stated to do no harm."""
    version = package.name, Version(str(package.descriptor.version)), package.descriptor.revision
    found = gate.objections(*asked.advisories.about(package.name), [version])
    return "; ".join(objection.reason for _, objection in found)


def approved(gate: ApprovalsGate, package: Moving, asked: Asked) -> str:
    """Enough people of the group have signed that it may come in."""
    return _approved(gate, package, asked, removed=False)


def removal_approved(gate: ApprovalsGate, package: Moving, asked: Asked) -> str:
    """Enough people of the group have signed that it may go."""
    return _approved(gate, package, asked, removed=True)


def _approved(gate: ApprovalsGate, package: Moving, asked: Asked, *, removed: bool) -> str:
    channel, digest = asked.policy.name, package.descriptor.digest
    given = [
        name
        for name, public in asked.curators.get(gate.of, {}).items()
        if any(
            is_approval(approval, public, channel=channel, package=digest, curator=name, removed=removed)
            for approval in asked.approvals
        )
    ]
    return gate.lacking(given, removed=removed)


def licensed(gate: LicensesGate, package: Moving, _asked: Asked) -> str:
    """Its license is allowed, or not denied."""
    return _reason(gate.objection(package.descriptor.license))


def within_host(gate: HostGate, package: Moving, _asked: Asked) -> str:
    """It needs nothing of its host that is not offered."""
    return _reason(gate.objection(package.descriptor.host))


def reproduced(gate: ReproducedGate, package: Moving, _asked: Asked) -> str:
    """Enough allowed builders have built it; their envelopes were verified with the entry that names them."""
    # How many builders of another distribution agree, its own channel says.
    return gate.lacking(1 + len(package.entry.rebuilds)) if package.entry else ""


def soaked(gate: SoakGate, package: Moving, asked: Asked) -> str:
    """The channel that it comes from has held it for so long. Open reports are in the ledger, and not here."""
    source, digest = asked.policy.from_channel, package.descriptor.digest
    if digest in asked.promoted:
        return ""
    stay = asked.stays.stay(source, package.name)
    since = stay.since if stay and stay.until is None and stay.descriptor == digest else None
    return _reason(gate.objection(source, since, asked.now))


def gone_long_enough(gate: SoakGate, package: Moving, asked: Asked) -> str:
    """The channel that it came from has been without it for so long; what was never there may go."""
    source, stay = asked.policy.from_channel, asked.stays.stay(asked.policy.from_channel, package.name)
    if package.descriptor.digest in asked.promoted or stay is None or stay.until is None:
        return ""
    return _reason(gate.removal_objection(source, stay.until, asked.now))


def hardened(gate: HardeningGate, package: Moving, asked: Asked) -> str:
    """Its files lack nothing that its recipe does not waive: the newest one that comes to its plan, as it was tested.

    Packages of other distributions are theirs to judge.
    """
    entry = package.entry
    if entry is None:
        return ""
    content = asked.described.read(entry.provenance.digest, "provenance")
    _, together = outputs_by_plan(content, package.descriptor.plan)
    debug = (asked.described.facts(asked.described.descriptor(digest)) for digest in together)
    waivers = asked.plans.read(entry.tested_by, entry.name).waivers
    return _reason(
        gate.objection(hardening_findings(_facts(entry, package, asked), producers_by_build_id(debug), waivers))
    )


def _reason(objection: Objection | None) -> str:
    return objection.reason if objection else ""


def _facts(entry: ReleaseEntry, package: Moving, asked: Asked) -> PackageFacts:
    """Return the facts of a package. Those of a worker of before tell less: then its archive is read once more."""
    facts = asked.described.facts(package.descriptor)
    if facts.format == FORMAT:
        return facts  # they were held against the archive
    with asked.described.blobs.open(entry.archive.digest) as archive:
        prefix = f"{STORE_ROOT}/{package.descriptor.store_path}"
        return read_contents(archive_chunks(archive), prefix=prefix).facts
