"""The pipeline of one channel: collect a candidate, take it through the gates, publish what passes of it.

`advance` does the next step that can be done now and returns; it is called on a timer and after each job. Everything
it knows lies in the database, so a pipeline that is killed goes on where it was.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.database import candidates, excuses, orders, releases
from farm.database.candidates import OPEN, REFUSED, RELEASED, SUPERSEDED
from farm.database.excuses import Excuse
from farm.recipe.channel_gates import TestsGate
from farm.release.channel_state import ChannelState
from farm.release.collecting import NothingToDo, Proposal, propose
from farm.release.evaluation import Evaluation, NotKnownYetError, Scope, counted, results_in
from farm.release.explaining import Explainer
from farm.release.gates.rolled_back import RolledBack
from farm.release.members import MemberShelf
from farm.release.publication import PublicStore
from farm.release.publishing import record_release
from farm.release.search import Found, search
from farm.release.signer_client import SignerRefusedError
from farm.release.standing import Standing
from farm.release.withholding import Withheld, atoms_withheld, withheld

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from farm.compat import Atom, Member, TrialSet
    from farm.control.desk import Desk, Office
    from farm.database.candidates import Candidate, Change
    from farm.database.orders import Order
    from farm.database.records import Package
    from farm.database.releases import ReleaseRecord
    from farm.recipe import ChannelPolicy
    from farm.release.publication import Signer
    from farm.release.standing import PackageGate
    from farm.trust.release_index import Release

WAITING, ACCEPTED, HELD = "waiting", "accepted", "held"
_IN_THE_NEXT = Standing("waiting", "it came to pass while this candidate was tested", "It is in the next candidate.")
_SKIPPED = {"promote": ("soak", "rolled-back"), "retry": ("rolled-back",)}
_SEARCH_GATES = ("proof", "tests", "build", "signer")


@dataclass(frozen=True, slots=True)
class Step:
    """What `advance` did: `state` is idle, building, waiting, open, refused or released; `message` says it."""

    channel: str
    state: str
    message: str = ""


class Pipeline:
    """The way of one channel, from what is built to what is signed. For one thread in the whole farm."""

    def __init__(
        self,
        office: Office,
        policy: ChannelPolicy,
        repository: Path,
        signer: Signer,
        *,
        gates: Sequence[PackageGate] = (),
    ) -> None:
        self._office = office
        self._policy = policy
        self._gates = (RolledBack(), *gates)
        self._shelf = MemberShelf(office.blobs)
        self._state = ChannelState(policy.name, policy.transitions, self._shelf)
        self._public = PublicStore(repository, office.blobs)
        self._signer = signer

    def advance(self) -> Step:
        """Do what can be done now. Raises `SignerUnreachableError` when the signer is away: try again."""
        channel = self._policy.name
        unsigned = self._unsigned()
        if unsigned is not None:
            return self._publish(unsigned)
        with self._office.planning() as desk:
            newest = releases.newest_release(desk.session, channel)
            candidate = candidates.open_candidate(desk.session, channel)
            if candidate is not None and candidate.base_number != (newest.number if newest else 0):
                reason = (
                    f"release {newest.number if newest else 0} came meanwhile: what was tested is not what would be"
                )
                candidates.decide(desk.session, candidate.id, SUPERSEDED, reason=reason, now=desk.now)
                candidate = None
            opened = candidate or self._collect(desk, newest)
            if isinstance(opened, Step):
                return opened
            step = self._through_the_gates(desk, self._docket(desk, opened, newest))
        return self._publish(step) if isinstance(step, _Unsigned) else step

    def _collect(self, desk: Desk, newest: ReleaseRecord | None) -> Candidate | Step:
        """Open a candidate, unless there is nothing to change, or nothing that was not decided before."""
        channel = self._policy.name
        proposal = propose(desk, self._policy, newest)
        if isinstance(proposal, NothingToDo):
            return Step(channel, proposal.state, proposal.message)
        held = self._withheld(desk, proposal)
        latest = candidates.latest_candidate(desk.session, channel)
        if proposal.order is None and latest and self._was_decided(desk, latest, newest, proposal, held):
            self._renew_excuses(desk, latest, held)
            return Step(channel, "refused", f"candidate {latest.id} was {latest.state}; nothing has changed since")
        number = newest.number if newest else 0
        opened = candidates.add_candidate(
            desk.session, channel, proposal.changes, base_number=number, source=proposal.source, now=desk.now
        )
        candidates.place_changes(desk.session, opened.id, held, state=WAITING)
        if proposal.order is not None:
            orders.take_order(desk.session, proposal.order.id, candidate_id=opened.id)
        return opened

    def _withheld(self, desk: Desk, proposal: Proposal) -> dict[str, Withheld]:
        """Ask the gates of single packages; a curator who promotes does not wait for the clock."""
        if proposal.is_rollback:
            return {}
        gates = self._gates_for(proposal.order)
        arrivals = [self._shelf.record(desk, after) for _, after in proposal.changes.values() if after is not None]
        return withheld(desk, self._policy.name, gates, arrivals)

    def _was_decided(
        self,
        desk: Desk,
        latest: Candidate,
        newest: ReleaseRecord | None,
        proposal: Proposal,
        held: Mapping[str, Withheld],
    ) -> bool:
        """Say whether the newest candidate has decided about exactly what would be proposed now."""
        decided = candidates.changes_of(desk.session, latest.id)
        if latest.state == REFUSED and latest.base_number == (newest.number if newest else 0):
            left = decided
        elif latest.state == RELEASED and newest and newest.candidate_id == latest.id:
            left = [each for each in decided if each.state != ACCEPTED]
        else:
            return False
        before = {(each.name, each.after, each.state == WAITING) for each in left}
        now = {(name, after, name in held) for name, (_, after) in proposal.changes.items()}
        return before == now

    def _renew_excuses(self, desk: Desk, latest: Candidate, held: Mapping[str, Withheld]) -> None:
        """Let the excuses say what the gates say now, when they have come to say something else."""
        standing = excuses.standing(desk.session, latest.channel)
        kept = [each.excuse for each in standing if each.excuse.gate in _SEARCH_GATES]
        # Which packages are held is as it was (`_was_decided`); what is said of them may be more by now.
        said = {(each.excuse.gate, each.excuse.reason) for each in standing}
        if {(each.gate, each.standing.reason) for each in held.values()} <= said:
            return
        docket = self._docket(desk, latest, releases.newest_release(desk.session, latest.channel))
        excuses.hold_back(
            desk.session, latest.channel, latest.id, [*kept, *_excuses_of_gates(docket, held)], now=desk.now
        )

    def _docket(self, desk: Desk, candidate: Candidate, base: ReleaseRecord | None) -> _Docket:
        changes = candidates.changes_of(desk.session, candidate.id)
        trial = self._state.trial(desk, base.number if base else 0)
        members = {each.name: self._state.member(desk, each.after) for each in changes}
        atoms = self._state.atoms(desk, candidate.id, trial, members)
        if any(not each.atom for each in changes):
            for atom in atoms:
                candidates.place_changes(desk.session, candidate.id, atom.names, atom=atom.key)
        packages = {each.name: self._shelf.record(desk, each.after) for each in changes if each.after is not None}
        explainer = Explainer(desk, self._office.logs, self._shelf, packages, {atom.key: atom for atom in atoms})
        return _Docket(candidate, base, changes, members, packages, trial, atoms, explainer)

    def _through_the_gates(self, desk: Desk, docket: _Docket) -> Step | _Unsigned:
        candidate = docket.candidate
        rollback = candidate.source.startswith("rollback")
        held = {} if rollback else self._held_now(desk, docket)
        if held is None:
            reason = "a gate has come to hold something back that it let pass: it is collected again"
            candidates.decide(desk.session, candidate.id, SUPERSEDED, reason=reason, now=desk.now)
            return Step(candidate.channel, "open", f"candidate {candidate.id} is superseded: {reason}")
        blamed = atoms_withheld(docket.atoms, held)
        left = [atom for atom in docket.atoms if atom.key not in blamed]
        evaluation = Evaluation(
            desk,
            candidate,
            trial=docket.trial,
            shelf=self._shelf,
            changes=docket.members,
            atoms=left,
            scope="" if rollback else self._scope(),
        )
        try:
            found = search(left, evaluation)
        except NotKnownYetError as waiting:
            return self._wait(desk, docket, waiting.summary)
        return self._decide(desk, docket, found, evaluation, held)

    def _held_now(self, desk: Desk, docket: _Docket) -> dict[str, Withheld] | None:
        """Ask the gates again; None when one of them holds back what it had let pass."""
        let_pass = {each.name for each in docket.changes if each.state != WAITING}
        gates = self._gates_for(orders.order_of(desk.session, docket.candidate.id))
        held = withheld(desk, self._policy.name, gates, list(docket.packages.values()))
        if held.keys() & let_pass:
            return None
        waiting = {each.name for each in docket.changes if each.state == WAITING}
        # What has come to pass since then is for the next candidate.
        return {name: each for name, each in held.items() if name in waiting} | {
            name: Withheld(name, "next", _IN_THE_NEXT) for name in waiting - held.keys()
        }

    def _gates_for(self, order: Order | None) -> list[PackageGate]:
        """Return the gates that are asked; a curator's order goes past the clock and past an earlier rollback."""
        skipped = (
            {"promote": {"soak", "rolled-back"}, "retry": {"rolled-back"}}.get(order.kind, set()) if order else set()
        )
        return [gate for gate in self._gates if gate.kind not in skipped]

    def _scope(self) -> Scope:
        for gate in self._policy.gates:
            if isinstance(gate, TestsGate):
                return gate.of
        return ""

    def _wait(self, desk: Desk, docket: _Docket, summary: str) -> Step:
        candidate = docket.candidate
        runs = candidates.set_runs(desk.session, candidate.id)
        sets = sum(run.tests > 0 for run in runs)
        told = f"{summary} (set {sets})" if sets > 1 else summary
        if runs and runs[-1].state == candidates.RUNNING:
            _say(desk, candidate, "proof", "passed", _proven(docket.trial))
        _say(desk, candidate, "tests", "pending", told)
        return Step(candidate.channel, "open", f"candidate {candidate.id}: {told}")

    def _decide(
        self, desk: Desk, docket: _Docket, found: Found, evaluation: Evaluation, held: Mapping[str, Withheld]
    ) -> Step | _Unsigned:
        candidate = docket.candidate
        accepted = evaluation.changes_of(found.accepted)
        self._say_verdicts(desk, docket, found, evaluation)
        told = [
            *(excuse for hold in found.held.values() for excuse in docket.explainer.held(hold)),
            *_excuses_of_gates(docket, held),
            *(docket.explainer.unbuilt() if not self._policy.from_channel else ()),
        ]
        for names, state in ((accepted.keys(), ACCEPTED), (_names(docket.atoms, found.held), HELD)):
            candidates.place_changes(desk.session, candidate.id, names, state=state)
        if not accepted:
            return _refuse(desk, candidate, told)
        if frozen := releases.frozen(desk.session, candidate.channel, now=desk.now):
            until = f" until {frozen.until:%Y-%m-%d %H:%M} UTC" if frozen.until else ""
            message = f"{candidate.channel} is frozen{until} by {frozen.by}: {frozen.why}"
            _say(desk, candidate, "freeze", "pending", message)
            return Step(candidate.channel, "open", message)
        docket.trial.place(accepted)
        record, release = record_release(
            desk,
            candidate,
            docket.base,
            trial=docket.trial,
            changes=accepted,
            shelf=self._shelf,
            public=self._public,
        )
        excuses.clear(
            desk.session,
            candidate.channel,
            accepted,
            by=f"release {record.number} of {candidate.channel}",
            now=desk.now,
        )
        excuses.hold_back(desk.session, candidate.channel, candidate.id, told, now=desk.now)
        return _Unsigned(candidate, record, release)

    def _say_verdicts(self, desk: Desk, docket: _Docket, found: Found, evaluation: Evaluation) -> None:
        candidate = docket.candidate
        if found.accepted:
            detail = evaluation(found.accepted, "search").detail
            docket.trial.place(evaluation.changes_of(found.accepted))
            _say(desk, candidate, "proof", "passed", _proven(docket.trial))
            count = json.loads(detail)["count"] if detail else 0
            _say(
                desk,
                candidate,
                "tests",
                "passed",
                f"{counted(count, 'test')} passed",
                **{"already-red": results_in(detail, "already-red"), "flaky": results_in(detail, "flaky")},
            )
            return
        failed = {excuse.gate for hold in found.held.values() for excuse in docket.explainer.held(hold)}
        for gate in ("proof", "tests"):
            if gate in failed:
                _say(desk, candidate, gate, "failed", f"{counted(len(found.held), 'group')} held back")

    def _unsigned(self) -> _Unsigned | None:
        """Return the release that was recorded, and that the signer has not been heard to sign."""
        with self._office.reading() as desk:
            record = releases.newest_release(desk.session, self._policy.name, published=False)
            if record is None or record.published_at is not None or record.candidate_id is None:
                return None
            candidate = candidates.candidate(desk.session, record.candidate_id)
            if candidate is None or candidate.state != OPEN:
                return None
            return _Unsigned(candidate, record, self._public.release(record.digest))

    def _publish(self, unsigned: _Unsigned) -> Step:
        candidate, record = unsigned.candidate, unsigned.record
        try:
            self._signer.sign(unsigned.release)
        except SignerRefusedError as error:
            with self._office.planning() as desk:
                releases.drop_release(desk.session, record)
                return _refuse(desk, candidate, (Excuse(package="", gate="signer", reason=str(error)),))
        message = f"release {record.number} of {record.channel} is published"
        with self._office.planning() as desk:
            releases.mark_published(desk.session, record.id, now=desk.now)
            _end(desk, candidate, RELEASED, message)
        return Step(record.channel, "released", message)


@dataclass(frozen=True, slots=True)
class _Docket:
    """A candidate with all that its gates look at. `packages` are those that it puts in, by name."""

    candidate: Candidate
    base: ReleaseRecord | None
    changes: Sequence[Change]
    members: Mapping[str, Member | None]
    packages: Mapping[str, Package]
    trial: TrialSet
    atoms: Sequence[Atom]
    explainer: Explainer


@dataclass(frozen=True, slots=True)
class _Unsigned:
    candidate: Candidate
    record: ReleaseRecord
    release: Release


def _excuses_of_gates(docket: _Docket, held: Mapping[str, Withheld]) -> list[Excuse]:
    blamed = atoms_withheld(docket.atoms, held)
    by_key = {atom.key: atom for atom in docket.atoms}
    return [
        excuse for key, name in blamed.items() for excuse in docket.explainer.withheld(held[name], by_key[key], name)
    ]


def _names(atoms: Sequence[Atom], keys: Mapping[str, object]) -> list[str]:
    return [name for atom in atoms if atom.key in keys for name in atom.names]


def _proven(trial: TrialSet) -> str:
    return f"{counted(len(trial.members), 'package')} proven: no missing symbol, no conflict"


def _say(desk: Desk, candidate: Candidate, gate: str, state: str, summary: str, **more: object) -> None:
    detail = json.dumps({"summary": summary, **more})
    candidates.record_gate(desk.session, candidate.id, gate, state, detail, now=desk.now)


def _end(desk: Desk, candidate: Candidate, state: str, reason: str) -> None:
    """Decide about a candidate, and with it about the order that it was opened for."""
    candidates.decide(desk.session, candidate.id, state, reason=reason, now=desk.now)
    if order := orders.order_of(desk.session, candidate.id):
        outcome = f"{state}: {reason}" if reason else state
        orders.finish_order(desk.session, order.id, candidate_id=candidate.id, outcome=outcome, now=desk.now)


def _refuse(desk: Desk, candidate: Candidate, told: Sequence[Excuse]) -> Step:
    excuses.hold_back(desk.session, candidate.channel, candidate.id, told, now=desk.now)
    reasons = "; ".join(dict.fromkeys(excuse.reason for excuse in told))
    _end(desk, candidate, REFUSED, reasons)
    return Step(candidate.channel, "refused", f"candidate {candidate.id} is refused: {reasons}")
