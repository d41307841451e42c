"""The pipeline of one channel: collect a candidate, take it through the gates, publish it.

`advance` does the next step that can be done now and returns; it is called on a timer and after each job. Everything
it knows lies in the database, so a pipeline that is killed goes on where it was.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.compat import PackageSet, resolve_needs, set_digest
from farm.database import packages, recipes, releases
from farm.database.releases import REFUSED, RELEASED, Excuse
from farm.errors import FarmError
from farm.release.set_gates import (
    FAILED,
    PENDING,
    GateOutcome,
    changed_names,
    dependents_of,
    proof_gate,
    tests_gate,
)
from farm.release.members import MemberShelf
from farm.release.ordered_tests import order_tests
from farm.release.publication import PublicStore, make_release
from farm.release.signer_client import SignerRefusedError
from farm.release.status import has_unfinished_builds
from farm.release.verdicts import JobVerdicts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from farm.control.desk import Desk, Office
    from farm.database.records import Package
    from farm.database.releases import Candidate, ReleaseRecord
    from farm.plan import TestOrder
    from farm.recipe import ChannelPolicy, Gate
    from farm.release.ordered_tests import Unrunnable
    from farm.release.publication import Signer
    from farm.trust.release_index import Release


@dataclass(frozen=True, slots=True)
class Step:
    """What `advance` did: `state` is idle, building, open, refused or released; `message` says it in a line."""

    channel: str
    state: str
    message: str = ""


class Pipeline:
    """The way of one channel, from what is built to what is signed. For one thread in the whole farm."""

    def __init__(self, office: Office, policy: ChannelPolicy, repository: Path, signer: Signer) -> None:
        self._office = office
        self._policy = policy
        self._shelf = MemberShelf(office.blobs)
        self._public = PublicStore(repository, office.blobs)
        self._signer = signer

    def advance(self) -> Step:
        """Do what can be done now. Raises `SignerUnreachableError` when the signer is away: try again."""
        channel = self._policy.name
        unsigned = self._unsigned()
        if unsigned is not None:
            return self._publish(unsigned)
        with self._office.planning() as desk:
            candidate = releases.open_candidate(desk.session, channel) or self._collect(desk)
            if isinstance(candidate, Step):
                return candidate
            step = self._through_the_gates(desk, self._docket(desk, candidate))
        return self._publish(step) if isinstance(step, _Unsigned) else step

    def _collect(self, desk: Desk) -> Candidate | Step:
        channel = self._policy.name
        if has_unfinished_builds(desk.session):
            return Step(channel, "building", "builds are not finished")
        members = packages.current_packages(desk.session)
        if not members:
            return Step(channel, "idle", "nothing is built yet")
        wanted = set_digest(package.digest for package in members)
        newest = releases.newest_release(desk.session, channel)
        if newest and newest.set_digest == wanted:
            return Step(channel, "idle", f"release {newest.number} holds everything that is built")
        latest = releases.latest_candidate(desk.session, channel)
        if latest and latest.state == REFUSED and latest.set_digest == wanted:
            return Step(channel, "refused", f"candidate {latest.id} was refused; nothing has changed since")
        trace = f"candidate-{channel}-{wanted.hex[:12]}"
        return releases.add_candidate(desk.session, channel, wanted, members, trace=trace, now=desk.now)

    def _docket(self, desk: Desk, candidate: Candidate) -> _Docket:
        members = releases.candidate_members(desk.session, candidate.id)
        base = releases.newest_release(desk.session, candidate.channel)
        old = {each.name: each.digest for each in releases.release_members(desk.session, base.id)} if base else {}
        changed = changed_names({each.name: each.digest for each in members}, old)
        package_set = PackageSet.of(self._shelf.member(package) for package in members)
        return _Docket(candidate, members, package_set, base, changed)

    def _through_the_gates(self, desk: Desk, docket: _Docket) -> Step | _Unsigned:
        candidate = docket.candidate
        for gate in self._policy.gates:
            outcome = _ask(desk, gate, docket)
            detail = json.dumps({"summary": outcome.summary})
            releases.record_gate(desk.session, candidate.id, gate.kind, outcome.state, detail, now=desk.now)
            if outcome.state == PENDING:
                return Step(candidate.channel, "open", f"candidate {candidate.id}: {outcome.summary}")
            if outcome.state == FAILED:
                return _refuse(desk, candidate, outcome.excuses)
        return self._release(desk, docket)

    def _release(self, desk: Desk, docket: _Docket) -> _Unsigned:
        candidate = docket.candidate
        release, shards = make_release(
            docket.package_set,
            docket.members,
            distribution=desk.world.distribution,
            channel=candidate.channel,
            previous=docket.base,
            now=desk.now,
        )
        # What was in the release before is public already.
        self._public.bring([each for each in docket.members if each.name in docket.changed], shards, release)
        record = releases.add_release(
            desk.session,
            candidate,
            number=release.number,
            digest=release.digest,
            previous=release.previous,
            members=docket.members,
            now=desk.now,
        )
        return _Unsigned(candidate, record, release)

    def _unsigned(self) -> _Unsigned | None:
        """Return the release that was recorded, and that the signer has not been heard to sign."""
        with self._office.reading() as desk:
            record = releases.newest_release(desk.session, self._policy.name, published=False)
            if record is None or record.published_at is not None:
                return None
            candidate = releases.open_candidate(desk.session, self._policy.name)
            if candidate is None or candidate.id != record.candidate_id:
                return None
            return _Unsigned(candidate, record, self._public.release(record.digest))

    def _publish(self, unsigned: _Unsigned) -> Step:
        candidate, record = unsigned.candidate, unsigned.record
        try:
            self._signer.sign(unsigned.release)
        except SignerRefusedError as error:
            with self._office.planning() as desk:
                releases.drop_release(desk.session, record.id)
                return _refuse(desk, candidate, (Excuse("", "signer", str(error)),))
        with self._office.planning() as desk:
            releases.mark_published(desk.session, record.id, now=desk.now)
            releases.decide(desk.session, candidate, RELEASED, now=desk.now)
        return Step(record.channel, "released", f"release {record.number} of {record.channel} is published")


@dataclass(frozen=True, slots=True)
class _Docket:
    """A candidate with all that its gates look at; `changed` are the names that differ from the base release."""

    candidate: Candidate
    members: Sequence[Package]
    package_set: PackageSet
    base: ReleaseRecord | None
    changed: set[str]


@dataclass(frozen=True, slots=True)
class _Unsigned:
    candidate: Candidate
    record: ReleaseRecord
    release: Release


def _ask(desk: Desk, gate: Gate, docket: _Docket) -> GateOutcome:
    if gate.kind == "proof":
        return proof_gate(docket.package_set, docket.changed)
    here = docket.changed & docket.package_set.members.keys()
    match gate.of:
        case "all":
            scope = set(docket.package_set.members)
        case "changed":
            scope = here
        case "changed-and-dependents":
            scope = dependents_of(here, resolve_needs(docket.package_set))
    verdicts = JobVerdicts(desk.session, docket.candidate.id, f"candidate-{docket.candidate.id}", desk.now)
    return tests_gate(_orders(desk, docket, scope), verdicts)


def _orders(desk: Desk, docket: _Docket, scope: set[str]) -> Iterator[tuple[str, TestOrder | Unrunnable]]:
    by_name = {package.name: package for package in docket.members}
    for package in docket.members:
        if package.name not in scope:
            continue
        revision = recipes.find_revision(desk.session, package.recipe)
        if revision is None:
            raise FarmError(f"the recipe {package.recipe} of {package.name} is not in the database")
        recipe = desk.shelf.recipe(revision)
        if recipe.name == package.name:
            for order in order_tests(recipe, by_name, docket.package_set):
                yield package.name, order


def _refuse(desk: Desk, candidate: Candidate, excuses: Sequence[Excuse]) -> Step:
    releases.excuse(desk.session, candidate.id, excuses)
    releases.decide(desk.session, candidate, REFUSED, now=desk.now)
    reasons = "; ".join(dict.fromkeys(excuse.reason for excuse in excuses))
    return Step(candidate.channel, "refused", f"candidate {candidate.id} is refused: {reasons}")
