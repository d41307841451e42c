"""Approvals of curators: the packages of a channel that wait for one, and the signed statements."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.server.channels import candidates, differences, excuses, releases
from farm.server.channels.channel_checks import (
    AlreadyError,
    CurationError,
    NotInQuestionError,
    neighbours,
    own_name,
    policy_of,
)
from farm.server.curation import approvals, signed_orders
from farm.server.curation.approvals import Approval
from farm.server.curation.order_intake import NO_LEDGER, RequestedOrder, take_signed, withdrawals_of_approvals
from farm.server.federation import imported
from farm.server.identities.access import audit
from farm.server.packages import packages
from farm.server.tables.pipeline_states import ChangeState
from farm.server.transaction.text import truncate_text
from farm.trust.attestation.approval import ApprovalError, is_approval, read_approval
from farm.trust.attestation.curator_order import TOLERANCE, Act, named

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from farm.core.names.digest import Digest
    from farm.server.identities.access import Actor
    from farm.server.tables.records import ImportedPackageRecord, Package
    from farm.server.transaction.unit_of_work import UnitOfWork
    from farm.trust.attestation.approval import SignedApproval


@dataclass(frozen=True, slots=True)
class RequiredApprovals:
    """The approvals that a channel's policy requires: how many of a group, and the group's keys by name."""

    group: str
    count: int
    keys: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class PendingApproval:
    """A package that is to enter a channel and who has approved it, by name; `enough` if no more are needed.

    A package that is `removed` is to leave the channel.
    """

    package: Package | ImportedPackageRecord
    approved_by: tuple[str, ...]
    enough: bool
    removed: bool = False


def asked(unit: UnitOfWork, channel: str) -> RequiredApprovals:
    """Return the approvals that a channel requires. Raises `CurationError` if it requires none."""
    for gate in policy_of(unit, channel).get("gates", []):
        if gate["gate"] == "approvals":
            people = gate.get("people", unit.inputs.curators.get(gate["of"], {}))
            return RequiredApprovals(gate["of"], gate["count"], people)
    raise CurationError(f"{channel} requires no approvals", remedy="Its policy has no gate `approvals`.")


def in_question(unit: UnitOfWork, channel: str) -> list[PendingApproval]:
    """Return the packages that are to enter a channel, own ones before imported ones, and who has approved them.

    Those that are to leave it follow.
    """
    wanted = asked(unit, channel)
    listed = []
    for digests, removed in ((_arriving(unit, channel), False), (_departing(unit, channel), True)):
        own = packages.by_digest(unit.session, digests).values()
        others = imported.packages_by_digest(unit.session, digests).values()
        found: list[Package | ImportedPackageRecord] = [
            *sorted(own, key=lambda package: (package.name, package.built_at)),
            *sorted(others, key=lambda package: (package.name, package.version)),
        ]
        given = approvals.approvals_of(unit.session, channel, digests)
        for package in found:
            signed = given.get(package.digest, ())
            names = tuple(
                approval.curator for approval in signed if counts(unit, approval, wanted.keys, removed=removed)
            )
            listed.append(PendingApproval(package, names, len(names) >= wanted.count, removed))
    return listed


def approve(unit: UnitOfWork, actor: Actor, channel: str, envelopes: Sequence[bytes]) -> list[Approval]:
    """Take signed approvals: all of them or none. Raises `ApprovalError`, `InvalidEnvelopeError`, `CurationError`."""
    wanted = asked(unit, channel)
    if not wanted.keys:
        raise CurationError(
            f"{channel} requires approvals by the group {wanted.group}, and nobody is in it",
            remedy="Add its people to curators.yaml.",
        )
    arriving, departing = _arriving(unit, channel), _departing(unit, channel)
    withdrawn = withdrawals_of_approvals(unit, channel)
    taken = []
    for envelope in envelopes:
        said = read_approval(envelope, wanted.keys)
        if said.channel != channel:
            raise NotInQuestionError(f"{said.curator} signed for {said.channel[:100]}, not for {channel}")
        _check_counts(unit, said, withdrawn.get((said.package, said.curator)))
        if said.package not in (departing if said.removed else arriving):
            change = "removal from" if said.removed else "addition to"
            raise NotInQuestionError(f"{said.label[:200]} ({said.package}) is not a pending {change} {channel}")
        approval = Approval(
            channel=channel, package=said.package, curator=said.curator, envelope=envelope.decode(), at=unit.now
        )
        approvals.add_approval(unit.session, approval)
        what = "approve-removal" if said.removed else "approve"
        signed = f"signed by {said.curator}; {said.package}"
        audit(unit, actor, what, f"{said.label} on {channel}", signed, channel=channel)
        taken.append(approval)
    excuses.ask_signer_again(unit.session, now=unit.now, channel=channel)
    return taken


def _check_counts(unit: UnitOfWork, said: SignedApproval, withdrawn: Digest | None) -> None:
    """Check that the signer will count an approval. `withdrawn` is the order that withdrew an earlier one."""
    if not said.is_to(unit.inputs.distribution):
        to = f"is for {said.distribution[:100]}" if said.distribution else "names no distribution"
        raise ApprovalError(
            f"the approval of {said.label[:200]} {to}, but this farm is {unit.inputs.distribution}",
            remedy="Sign with `farm approve` of this version, connected to this farm.",
        )
    if said.at is not None and said.at > unit.now + TOLERANCE:
        raise ApprovalError(
            f"it is dated {said.at:%Y-%m-%d %H:%M} UTC, but the farm's clock says {unit.now:%Y-%m-%d %H:%M} UTC",
            remedy="Correct the clock of the machine where you sign, then sign again.",
        )
    # It may name an order that is unknown here, e.g. after an older database was restored.
    known = said.after is None or signed_orders.signed_order(unit.session, said.after) is not None
    if withdrawn is not None and said.after != withdrawn and known:
        raise ApprovalError(
            f"{said.curator} has withdrawn what was signed for {said.label[:200]}, and it does not name that "
            f"withdrawal, {withdrawn}",
            remedy="Sign again with `farm approve` of this version.",
        )


def withdraw(
    unit: UnitOfWork,
    actor: Actor,
    channel: str,
    curator: str,
    names: Sequence[str],
    *,
    why: str = "",
    envelope: bytes | None = None,
) -> TakenBack:
    """Withdraw the approvals of `curator` for any build of packages: for all of these or for none.

    Raises `AlreadyError` for a package that is released, where its approval has had its effect; `CurationError`.
    """
    names = list(dict.fromkeys(own_name(unit, name) for name in names))
    taken = [(name, approval) for name in names for approval in revocable(unit, channel, curator, name)]
    labels = _labels(unit, [approval.package for _, approval in taken])
    for _, approval in taken:
        _forget(unit, actor, approval, labels[approval.package], why)
    packages = named((name, approval.package) for name, approval in taken)
    wanted = RequestedOrder(act=Act.WITHDRAW_APPROVAL, channel=channel, packages=packages, reason=why, curator=curator)
    take_signed(unit, wanted, envelope)
    released = _labels(unit, list(_released(unit, channel, names).values()))
    return TakenBack(
        {approval.package: labels[approval.package] for _, approval in taken}, tuple(sorted(released.values()))
    )


def withdraw_with_signer(
    unit: UnitOfWork,
    actor: Actor,
    channel: str,
    packages: Mapping[str, Digest],
    *,
    why: str = "",
    envelope: bytes | None = None,
) -> None:
    """Have the signer ignore approvals from now on, whether or not this farm knows them.

    `packages` are descriptors by names, as the order has them; the approvals are those of the order's signer.
    """
    policy_of(unit, channel)
    wanted = RequestedOrder(act=Act.WITHDRAW_APPROVAL, channel=channel, packages=packages, reason=why)
    order = take_signed(unit, wanted, envelope)
    if order is None:
        raise CurationError(NO_LEDGER, remedy="Name the packages: then the farm forgets the approvals.")
    for name, package in packages.items():
        approval = Approval(channel=channel, package=package, curator=order.curator, envelope="", at=unit.now)
        _forget(unit, actor, approval, name, why)


def revocable(unit: UnitOfWork, channel: str, curator: str, name: str) -> list[Approval]:
    """Return the approvals of a curator for builds of a package that can be withdrawn.

    Raises `AlreadyError`, `NotInQuestionError`.
    """
    keys, name = asked(unit, channel).keys, own_name(unit, name)
    found = approvals.given_by(unit.session, channel, curator, name)
    done = _released(unit, channel, [name]).values()
    if left := [
        approval for approval in found if approval.package not in done or counts(unit, approval, keys, removed=True)
    ]:
        return left
    if found:
        raise AlreadyError(
            f"{name} is in a release of {channel}: withdrawing the approval of {curator} has no effect any more",
            remedy=f"Go back to a release without it: `farm channel rollback {channel} NUMBER`.",
        )
    known = {approval.package.name for approval in in_question(unit, channel) if curator in approval.approved_by}
    by_digest = f"What the farm does not know of: `farm approve {channel} --withdraw --descriptor DIGEST`."
    signed = signed_orders.who_orders(unit.session) is not None
    raise NotInQuestionError(
        f"{curator[:100]} has approved no {name[:100]} on {channel}",
        remedy=" ".join(filter(None, [neighbours(name, known), by_digest if signed else ""])),
    )


def _labels(unit: UnitOfWork, digests: Sequence[Digest]) -> dict[Digest, str]:
    own, others = packages.by_digest(unit.session, digests), imported.packages_by_digest(unit.session, digests)
    return {digest: f"{package.name} {package.printed_version}" for digest, package in (others | own).items()}


@dataclass(frozen=True, slots=True)
class TakenBack:
    """Packages, by descriptor, with version, whose approval was withdrawn; and released ones, which stay."""

    packages: Mapping[Digest, str]
    released: tuple[str, ...]


def _forget(unit: UnitOfWork, actor: Actor, approval: Approval, label: str, why: str) -> None:
    approvals.withdraw_approval(unit.session, approval.channel, approval.package, approval.curator)
    detail = truncate_text("; ".join(filter(None, [f"signed by {approval.curator}", approval.package, why.strip()])))
    audit(unit, actor, "withdraw-approval", f"{label} on {approval.channel}", detail, channel=approval.channel)


def counts(unit: UnitOfWork, approval: Approval, keys: Mapping[str, str], *, removed: bool = False) -> bool:
    """Return whether an approval counts: its signer is in the group, with that key. `keys` are the group's, by name.

    It must be for the package to enter, or, when it is to be `removed`, to leave this distribution's channel.
    """
    public = keys.get(approval.curator)
    return public is not None and is_approval(
        approval.envelope.encode(),
        public,
        channel=approval.channel,
        package=approval.package,
        curator=approval.curator,
        removed=removed,
        distribution=unit.inputs.distribution,
    )


def _released(unit: UnitOfWork, channel: str, names: Sequence[str]) -> dict[str, Digest]:
    """Return which of these packages the newest release holds, also when it is still with the signer."""
    newest = releases.newest_release(unit.session, channel, published=False)
    return releases.members_named(unit.session, channel, newest.number, names) if newest else {}


def _arriving(unit: UnitOfWork, channel: str) -> set[Digest]:
    """Return the packages that are to enter a channel: offered by its source, in its candidate, or held back."""
    session = unit.session
    newest = releases.newest_release(session, channel)
    here = set(releases.release_set(session, channel, newest.number).values()) if newest else set()
    if origin := policy_of(unit, channel).get("from"):
        offering = releases.newest_release(session, origin)
        offered = set(releases.release_set(session, origin, offering.number).values()) if offering else set()
    else:
        offered = set(packages.current_digests(session))
    candidate = candidates.open_candidate(session, channel)
    changes = candidates.changes_of(session, candidate.id) if candidate else []
    at_the_gates = {change.after for change in changes if change.after is not None}
    held = {
        excuse.excuse.digest for excuse in excuses.open_excuses(session, channel) if excuse.excuse.digest is not None
    }
    return (offered | at_the_gates | held) - here


def _departing(unit: UnitOfWork, channel: str) -> set[Digest]:
    """Return the packages that are to leave a channel: absent from its source or its candidate."""
    session = unit.session
    origin = policy_of(unit, channel).get("from")
    if origin and releases.newest_release(session, origin) is None:
        return set()
    found = differences.from_channel(session, channel, origin) if origin else differences.from_builds(session, channel)
    going = {before for before, after in found.values() if before is not None and after is None}
    candidate = candidates.latest_candidate(session, channel)
    changes = candidates.changes_of(session, candidate.id) if candidate else []
    left = (change for change in changes if change.after is None and change.state is not ChangeState.ACCEPTED)
    return going | {change.before for change in left if change.before is not None}
