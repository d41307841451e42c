"""The state of a channel, for people and pages: its newest release, its candidate, and the packages held back."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from farm.core.names.form import Form
from farm.core.policy.gate_kind import GateKind
from farm.server.channels import candidates, channel_troubles, differences, excuses, releases
from farm.server.channels.candidates import Candidate, GateResult, SetRun
from farm.server.channels.excuses import KeptExcuse
from farm.server.channels.releases import Freeze, ReleaseRecord
from farm.server.curation import holds, orders, reports, signed_orders
from farm.server.curation.holds import Hold
from farm.server.curation.orders import Order
from farm.server.curation.reports import Report
from farm.server.curation.signed_orders import SignedOrder
from farm.server.federation import imported
from farm.server.federation.imported import ImportTrouble
from farm.server.jobs import jobs, waiting
from farm.server.pipeline.candidates.release_contents import with_packages
from farm.server.recipes import recipes
from farm.server.tables.evidence import unblocking
from farm.server.tables.pipeline_states import CandidateState, ChangeState
from farm.server.tables.states import ACTIVE, JobKind, JobState
from farm.trust.attestation.curator_order import Act, CuratorOrderError, kept_order

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlmodel import Session


_DECIDED = (CandidateState.REFUSED, CandidateState.RELEASED)
_MOST_MARKED = 50


@dataclass(frozen=True, slots=True)
class CandidateStatus(Form, record="candidate status", outside={"candidate"}):
    """A candidate with the results of its gates, the sets that were examined, and its excuses."""

    candidate: Candidate
    gates: tuple[GateResult, ...]
    runs: tuple[SetRun, ...]
    excuses: tuple[KeptExcuse, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values: those of the candidate, with gates, sets and excuses added."""
        return {**self.candidate.to_dict(), **Form.to_dict(self)}


@dataclass(frozen=True, slots=True)
class ChannelStatus(Form, record="channel status", keys={"latest": "candidate", "standing": "excuses"}):
    """The state of a channel. `settled`: everything that is built has been released or refused, and no build runs.

    A package that the channel's policy has rebuilt on other workers is neither released nor refused yet.

    `latest` is the newest candidate, `held` what curators hold, `standing` what is held back for any reason, and
    `orders` those that are not done. `trouble` lists errors in the channel's file, by line: the channel then does
    nothing at all. The same holds while it is `halted`, which names what prevents its next round. `unsigned` are points
    in which its file is laxer than what is signed: these wait, and the channel goes on. `astray` are signed orders that
    the signer does not have or has refused, and that no later order replaces; `reports_astray` are such reports.
    `unfollowed` are other distributions whose updates do not arrive; empty for a channel that takes from another
    channel.
    """

    channel: str
    newest: ReleaseRecord | None
    latest: CandidateStatus | None
    frozen: Freeze | None
    held: tuple[Hold, ...]
    standing: tuple[KeptExcuse, ...]
    orders: tuple[Order, ...]
    settled: bool
    trouble: tuple[str, ...] = ()
    halted: str = ""
    unsigned: tuple[str, ...] = ()
    unfollowed: tuple[ImportTrouble, ...] = ()
    astray: tuple[SignedOrder, ...] = ()
    reports_astray: tuple[Report, ...] = ()


def channel_status(session: Session, channel: str, *, now: datetime) -> ChannelStatus:
    """Return the present state of a channel."""
    newest = releases.newest_release(session, channel)
    candidate = candidates.latest_candidate(session, channel)
    waiting = tuple(orders.open_orders(session, channel))
    standing = tuple(excuses.open_excuses(session, channel))
    at_the_gates = candidate is not None and candidate.state is CandidateState.OPEN
    settled = (
        not at_the_gates
        and not waiting
        and not has_unfinished_builds(session, now)
        and (newest is None or releases.tests_seen(session, channel) >= jobs.newest_answered(session))
        and not any(excuse.excuse.under_way for excuse in standing)
        and _nothing_new(session, channel, candidate, standing)
        and not _goes_on_without(session, candidate, standing)
    )
    return ChannelStatus(
        channel=channel,
        newest=newest,
        latest=candidate_status(session, candidate) if candidate else None,
        frozen=releases.frozen(session, channel, now=now),
        held=tuple(holds.open_holds(session, channel, now=now)),
        standing=standing,
        orders=waiting,
        settled=settled,
        trouble=channel_troubles.trouble_of(session, channel),
        halted=channel_troubles.halted(session, channel),
        unsigned=channel_troubles.unsigned_of(session, channel),
        astray=tuple(_astray(session, channel, now)),
        reports_astray=tuple(
            found
            for number in signed_orders.undelivered_reports_of(session, channel)
            if (found := reports.report(session, number)) is not None
        ),
        unfollowed=() if _origin(session, channel) else imported.troubles(session),
    )


def _astray(session: Session, channel: str, now: datetime) -> Iterator[SignedOrder]:
    """Yield the orders that the signer does not have.

    Leaves out refused orders after which the signer took another about the same matter, or before which it took one
    that ended that matter; and orders that have expired.
    """
    found = signed_orders.undelivered_or_refused(session, channel)
    refused = [order for order in found if order.refused]
    taken = signed_orders.delivered_to_channel(session, channel, refused[-1].at) if refused else []
    settled = [(order.at, _read(order)[0]) for order in taken]
    ended: set[tuple[str, ...]] = set()
    for act in {order.act for order in refused} & _ENDS_FOR_GOOD:
        ended |= {matter for order in signed_orders.of_act(session, channel, act) for matter in _read(order)[0]}
    for order in found:
        matters, good_until = _read(order)
        if order.refused and any(order.at < at and matters & others for at, others in settled):
            continue
        if order.refused and ((matters and matters <= ended) or now >= good_until):
            continue
        yield order


_ENDS_FOR_GOOD = {Act.CLOSE_REPORT.value, Act.WITHDRAW_ORDER.value}


def _read(order: SignedOrder) -> tuple[frozenset[tuple[str, ...]], datetime]:
    """Return the matters of an order, and when it expires; no matters for an order whose row was edited."""
    try:
        read = kept_order(order.envelope.encode())
    except CuratorOrderError:
        return frozenset(), datetime.max.replace(tzinfo=UTC)  # the signer reports the error
    return read.matters, read.expires


def _goes_on_without(session: Session, candidate: Candidate | None, standing: Iterable[KeptExcuse]) -> bool:
    """Return whether the next candidate is this one without the packages that the signer has just refused."""
    if candidate is None or candidate.state is not CandidateState.REFUSED:
        return False
    refused = {
        excuse.excuse.package
        for excuse in standing
        if excuse.excuse.gate is GateKind.SIGNER and excuse.excuse.package and excuse.candidate == candidate.id
    }
    if not refused:
        return False
    changes = candidates.changes_of(session, candidate.id)
    return any(change.name in refused and change.state is ChangeState.ACCEPTED for change in changes)


def candidate_status(session: Session, candidate: Candidate) -> CandidateStatus:
    """Return a candidate with its gates, the runs of its sets, and its excuses."""
    return CandidateStatus(
        candidate,
        tuple(candidates.gate_results(session, candidate.id)),
        tuple(candidates.set_runs(session, candidate.id)),
        tuple(excuses.of_candidate(session, candidate.id)),
    )


def candidate_detail(session: Session, candidate: Candidate) -> dict[str, Any]:
    """Return all about a candidate as JSON values, with its changes, atom by atom, and all results of its gates."""
    known = candidate_status(session, candidate)
    details = {gate.gate: {"summary": gate.summary, **unblocking(gate.tests)} for gate in known.gates}
    changes = with_packages(session, candidates.changes_of(session, candidate.id))
    form = known.to_dict()
    return form | {
        "gates": [gate | {"detail": details[gate["gate"]]} for gate in form["gates"]],
        "changes": [change.to_dict() for change in changes.shown],
        "tests": candidates.test_jobs(session, candidate.id),
    }


def excuses_of_channel(session: Session, channel: str, *, cleared: bool = False, limit: int = 100) -> dict[str, Any]:
    """Return the open excuses of a channel as JSON values; with `cleared` the newest ones, open or cleared."""
    found = excuses.recent(session, channel, limit=limit) if cleared else excuses.open_excuses(session, channel)
    return {"channel": channel, "excuses": [excuse.to_dict() for excuse in found]}


def has_unfinished_builds(session: Session, now: datetime) -> bool:
    """Return whether any build may finish soon without a person's help.

    Builds that are blocked or set aside wait for a person, and so do the builds that depend on them; a build that met
    trouble is paused. None of these delays the packages that are built: later outputs enter a later candidate.
    """
    marked = (job for job in waiting.marked(session, limit=_MOST_MARKED) if not job.preview)
    if jobs.any_in_state(session, JobKind.BUILD, ACTIVE, rested=now) or any(marked):
        return True
    stopped = jobs.any_in_state(session, JobKind.BUILD, (JobState.SET_ASIDE, JobState.READY))
    return not stopped and jobs.any_in_state(session, JobKind.BUILD, (JobState.WAITING,))


def _nothing_new(session: Session, channel: str, latest: Candidate | None, standing: tuple[KeptExcuse, ...]) -> bool:
    """Return whether no candidate would be made now: everything available has been decided."""
    decided = latest if latest is not None and latest.state in _DECIDED else None
    if origin := _origin(session, channel):
        return _all_taken(session, channel, releases.newest_release(session, origin), decided)
    built_at = recipes.last_built(session)
    if built_at is None or (decided is not None and decided.decided_at is not None and decided.decided_at >= built_at):
        return True
    return _all_known(session, channel, decided, standing)


def _origin(session: Session, channel: str) -> str:
    """Return the channel that this one takes packages from; empty if it takes new builds."""
    policy = json.loads(releases.policy_text(session, channel) or "{}")
    return str(policy.get("from", ""))


def _all_taken(session: Session, channel: str, offered: ReleaseRecord | None, decided: Candidate | None) -> bool:
    """Return whether the packages of another channel's newest release were decided, or are in this channel already."""
    if offered is None:
        return True
    if decided and (decided.source.channel, decided.source.number) == (offered.channel, offered.number):
        return True
    return not differences.from_channel(session, channel, offered.channel)


def _all_known(session: Session, channel: str, decided: Candidate | None, standing: tuple[KeptExcuse, ...]) -> bool:
    """Return whether all builds were released or decided; a build may have the same result as an earlier one."""
    known = {(excuse.excuse.package, excuse.excuse.digest) for excuse in standing}
    if decided is not None:
        known |= {(change.name, change.after) for change in candidates.changes_of(session, decided.id)}
    return {(name, after) for name, (_, after) in differences.from_builds(session, channel).items()} <= known
