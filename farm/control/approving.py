"""Approvals of curators: what waits for one on a channel, and the signed statements that are taken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.control.access import audit
from farm.control.channel_checks import (
    AlreadyError,
    CurationError,
    NotInQuestionError,
    neighbours,
    own_name,
    policy_of,
)
from farm.control.signed_orders import Wanted, take_signed
from farm.control.wording import kept
from farm.database import approvals, candidates, differences, excuses, foreign, lookups, packages, refusals, releases
from farm.database.approvals import Approval
from farm.database.pipeline_states import ChangeState
from farm.trust.approval import is_approval, read_approval
from farm.trust.curator_order import Act, named

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from farm.control.access import Actor
    from farm.control.desk import Desk
    from farm.database.foreign import ForeignPackage
    from farm.database.records import Package
    from farm.names import Digest


@dataclass(frozen=True, slots=True)
class Asked:
    """What the policy of a channel asks for: so many of a group, with their keys by name."""

    group: str
    count: int
    keys: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class InQuestion:
    """A package that wants into a channel and who has approved it, by name; `enough` when no more are needed.

    One that is `removed` wants out: the channel has it, and would be without it.
    """

    package: Package | ForeignPackage
    approved_by: tuple[str, ...]
    enough: bool
    removed: bool = False


def asked(desk: Desk, channel: str) -> Asked:
    """Return what approvals a channel asks for. Raises `CurationError` when it asks for none."""
    for gate in policy_of(desk, channel).get("gates", []):
        if gate["gate"] == "approvals":
            people = gate.get("people", desk.world.curators.get(gate["of"], {}))
            return Asked(gate["of"], gate["count"], people)
    raise CurationError(f"{channel} asks for no approvals", remedy="Its policy has no gate `approvals`.")


def in_question(desk: Desk, channel: str) -> list[InQuestion]:
    """Return the packages that want into a channel, own ones and then others by name, and who has approved them.

    Behind them stand those that want out.
    """
    wanted = asked(desk, channel)
    listed = []
    for digests, removed in ((_arriving(desk, channel), False), (_departing(desk, channel), True)):
        own = lookups.packages_by_digest(desk.session, digests).values()
        others = foreign.packages_by_digest(desk.session, digests).values()
        found: list[Package | ForeignPackage] = [
            *sorted(own, key=lambda each: (each.name, each.built_at)),
            *sorted(others, key=lambda each: (each.name, each.version)),
        ]
        given = approvals.approvals_of(desk.session, channel, digests)
        for package in found:
            signed = given.get(package.digest, ())
            names = tuple(each.curator for each in signed if counts(each, wanted.keys, removed=removed))
            listed.append(InQuestion(package, names, len(names) >= wanted.count, removed))
    return listed


def approve(desk: Desk, actor: Actor, channel: str, envelopes: Sequence[bytes]) -> list[Approval]:
    """Take signed approvals: all of them or none. Raises `ApprovalError`, `InvalidEnvelopeError`, `CurationError`."""
    wanted = asked(desk, channel)
    if not wanted.keys:
        raise CurationError(
            f"nobody is in the group {wanted.group}, which {channel} asks", remedy="Name its people in curators.yaml."
        )
    arriving, departing = _arriving(desk, channel), _departing(desk, channel)
    taken = []
    for envelope in envelopes:
        said = read_approval(envelope, wanted.keys)
        if said.channel != channel:
            raise NotInQuestionError(f"{said.curator} signed for {said.channel[:100]}, not for {channel}")
        if said.package not in (departing if said.removed else arriving):
            way = "out of" if said.removed else "into"
            raise NotInQuestionError(f"{said.label[:200]} ({said.package}) does not want {way} {channel}")
        approval = Approval(
            channel=channel, package=said.package, curator=said.curator, envelope=envelope.decode(), at=desk.now
        )
        approvals.add_approval(desk.session, approval)
        what = "approve-removal" if said.removed else "approve"
        signed = f"signed by {said.curator}; {said.package}"
        audit(desk, actor, what, f"{said.label} on {channel}", signed, channel=channel)
        taken.append(approval)
    refusals.ask_again(desk.session, now=desk.now, channel=channel)
    return taken


def withdraw(
    desk: Desk,
    actor: Actor,
    channel: str,
    curator: str,
    names: Sequence[str],
    *,
    why: str = "",
    envelope: bytes | None = None,
) -> list[Approval]:
    """Take back what `curator` has signed for packages that still want in or out: for all of these or for none.

    Raises `AlreadyError` for one that is in a release, where an approval has done what it does; `CurationError`.
    """
    keys = asked(desk, channel).keys
    names = list(dict.fromkeys(own_name(desk, each) for each in names))
    released = _released(desk, channel, names)
    waiting = lookups.packages_by_digest(desk.session, _arriving(desk, channel) - set(released.values()))
    waiting |= lookups.packages_by_digest(desk.session, _signed_away(desk, channel, curator, keys))
    given = approvals.approvals_of(desk.session, channel, [*waiting, *released.values()])
    mine = {digest: each for digest, signed in given.items() for each in signed if each.curator == curator}
    taken = []
    withdrawn: list[tuple[str, Digest]] = []
    for name in names:
        found = [package for digest, package in waiting.items() if package.name == name and digest in mine]
        if not found and released.get(name) in mine:
            raise AlreadyError(
                f"{name} is in a release of {channel}: withdrawing the approval of {curator} has no effect any more",
                remedy=f"Go back with `farm rollback {channel}`.",
            )
        if not found:
            known = {package.name for digest, package in waiting.items() if digest in mine}
            raise NotInQuestionError(
                f"{curator[:100]} has approved no {name[:100]} that wants into {channel}",
                remedy=neighbours(name, known),
            )
        for package in found:
            approvals.withdraw_approval(desk.session, channel, package.digest, curator)
            label = f"{package.name} {package.printed_version} on {channel}"
            said = f"signed by {curator}; {package.digest}"
            told = kept(f"{said}; {why.strip()}" if why.strip() else said)
            audit(desk, actor, "withdraw-approval", label, told, channel=channel)
            taken.append(mine[package.digest])
            withdrawn.append((name, package.digest))
    wanted = Wanted(act=Act.WITHDRAW_APPROVAL, channel=channel, packages=named(withdrawn), reason=why, curator=curator)
    take_signed(desk, wanted, envelope)
    return taken


def counts(approval: Approval, keys: Mapping[str, str], *, removed: bool = False) -> bool:
    """Say whether whoever signed is in the group now, with the key that signed. `keys` are the group's, by name.

    What was signed must be that the package may come in, or, when it is to be `removed`, that it may go.
    """
    public = keys.get(approval.curator)
    return public is not None and is_approval(
        approval.envelope.encode(),
        public,
        channel=approval.channel,
        package=approval.package,
        curator=approval.curator,
        removed=removed,
    )


def _signed_away(desk: Desk, channel: str, curator: str, keys: Mapping[str, str]) -> set[Digest]:
    """Return which of the packages that want out of a channel this curator lets go."""
    given = approvals.approvals_of(desk.session, channel, _departing(desk, channel))
    mine = (each for signed in given.values() for each in signed if each.curator == curator)
    return {each.package for each in mine if counts(each, keys, removed=True)}


def _released(desk: Desk, channel: str, names: Sequence[str]) -> dict[str, Digest]:
    """Return which of these packages the newest release holds, also when it is still with the signer."""
    newest = releases.newest_release(desk.session, channel, published=False)
    return releases.members_named(desk.session, channel, newest.number, names) if newest else {}


def _arriving(desk: Desk, channel: str) -> set[Digest]:
    """Return the packages that want into a channel: offered by its source, at its gates, or held back from it."""
    session = desk.session
    newest = releases.newest_release(session, channel)
    here = set(releases.release_set(session, channel, newest.number).values()) if newest else set()
    if origin := policy_of(desk, channel).get("from"):
        offering = releases.newest_release(session, origin)
        offered = set(releases.release_set(session, origin, offering.number).values()) if offering else set()
    else:
        offered = set(packages.current_digests(session))
    candidate = candidates.open_candidate(session, channel)
    changes = candidates.changes_of(session, candidate.id) if candidate else []
    at_the_gates = {each.after for each in changes if each.after is not None}
    held = {each.excuse.digest for each in excuses.standing(session, channel) if each.excuse.digest is not None}
    return (offered | at_the_gates | held) - here


def _departing(desk: Desk, channel: str) -> set[Digest]:
    """Return the packages that a channel has and would be without: its source has them no more, or its candidate."""
    session = desk.session
    origin = policy_of(desk, channel).get("from")
    if origin and releases.newest_release(session, origin) is None:
        return set()
    found = differences.from_channel(session, channel, origin) if origin else differences.from_builds(session, channel)
    going = {before for before, after in found.values() if before is not None and after is None}
    candidate = candidates.latest_candidate(session, channel)
    changes = candidates.changes_of(session, candidate.id) if candidate else []
    left = (each for each in changes if each.after is None and each.state is not ChangeState.ACCEPTED)
    return going | {each.before for each in left if each.before is not None}
