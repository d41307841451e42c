"""The verdicts on previews: what would happen if they were accepted now and released to the channel that they aim at.

Nothing is decided: the channel's candidates, excuses and releases are left alone. The builds are those of the previews,
and their tests are jobs of the previews.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, TypeAlias

from farm.core.names.wording import counted
from farm.core.policy.gate_kind import GateKind, gate_key
from farm.errors import FarmError
from farm.server.jobs import jobs
from farm.server.packages import packages
from farm.server.pipeline.round import Round
from farm.server.pipeline.search.ordered_tests import NotKnownYetError
from farm.server.pipeline.search.set_evaluation import SetEvaluation
from farm.server.pipeline.search.verdicts import JobVerdicts, preview_trace
from farm.server.previews import heads, previews
from farm.server.previews.build_scope import BuildScope
from farm.server.recipes import recipes
from farm.server.submissions.previewing import stale_recipes
from farm.server.tables.evidence import InterfaceEvidence, ProofEvidence, TestEvidence
from farm.server.tables.preview_verdict import PreviewChange, PreviewFinding, PreviewVerdict, VerdictState
from farm.server.tables.states import JobKind, JobState

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from farm.core.names.digest import Digest
    from farm.core.sets.members.member import Member
    from farm.core.sets.proof.trial import TrialSet
    from farm.server.channels.candidates import Marks
    from farm.server.pipeline.publishing.preview_publication import PreviewPublication
    from farm.server.pipeline.publishing.preview_signing import PreviewSigning
    from farm.server.pipeline.round import ChannelTools
    from farm.server.pipeline.search.search import Answer
    from farm.server.previews.previews import Preview
    from farm.server.tables.evidence import Evidence
    from farm.server.tables.records import Job, Package
    from farm.server.transaction.unit_of_work import UnitOfWork
    from farm.trust.index.release_index import Release

_STOPPED = (JobState.FAILED, JobState.CANCELLED, JobState.BLOCKED, JobState.SET_ASIDE)
_RENEWED = timedelta(seconds=30)
"""How soon a verdict that waits for tests is renewed although no job has changed: one is tried again after a pause."""
_LOG = logging.getLogger("farm.server.pipeline")


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a verdict depends on, as it was `at` a time: the newest release, tests and testers, and the jobs."""

    base: int
    marks: Marks
    stale: tuple[str, ...]
    jobs: tuple[tuple[object, ...], ...]
    at: datetime

    def is_same_as(self, other: _Seen) -> bool:
        """Return whether all of it but the time is the same."""
        return replace(other, at=self.at) == self


class PreviewRound:
    """Renews the verdicts on the open previews that aim at one channel. For one thread in the whole farm."""

    def __init__(self, tools: ChannelTools, publication: PreviewPublication, signing: PreviewSigning) -> None:
        self._tools = tools
        self._publication = publication
        self._signing = signing
        self._seen: dict[int, _Seen] = {}
        self._logged: dict[int, str] = {}

    def advance(self) -> None:
        """Renew the verdict on each preview of which something has changed since the last time.

        An error of one preview is logged, once, and the others go on.
        """
        with self._tools.application.reading() as unit:
            asked = [preview for preview in previews.open_previews(unit.session) if self._is_mine(preview)]
        numbers = {preview.number for preview in asked}
        self._seen = {number: seen for number, seen in self._seen.items() if number in numbers}
        self._logged = {number: line for number, line in self._logged.items() if number in numbers}
        self._signing.keep_only(numbers)
        for number in self._signing.take_refused():
            self._seen.pop(number, None)
        if asked:
            self._tools.load()
        for preview in asked:
            try:
                self._renew(preview.number)
                self._logged.pop(preview.number, None)
            except FarmError as error:
                self._log(preview.number, error)

    def _is_mine(self, preview: Preview) -> bool:
        return preview.channel == self._tools.channel

    def _log(self, number: int, error: FarmError) -> None:
        if self._logged.get(number) != error.message:
            _LOG.error("preview %d cannot be examined: %s. %s", number, error.message, error.remedy)
        self._logged[number] = error.message

    def _renew(self, number: int) -> None:
        with self._tools.application.reading() as unit:
            seen = self._look(Round.begin(self._tools, unit), number)
            if self._is_judged(unit, number, seen):
                return
        prepared = self._judge(number)
        if prepared is not None:
            self._signing.add(*prepared)

    def _look(self, this: Round, number: int) -> _Seen:
        found = jobs.of_preview(this.unit.session, number, list(JobState))
        of_jobs = tuple((job.id, job.state, job.trouble) for job in found)
        return _Seen(this.base_number, self._tools.marks, stale_recipes(this.unit, number), of_jobs, this.unit.now)

    def _is_judged(self, unit: UnitOfWork, number: int, seen: _Seen) -> bool:
        """Return whether the verdict is of what is seen now. One that does not rest is renewed from time to time."""
        before, preview = self._seen.get(number), previews.preview(unit.session, number)
        if before is None or preview is None or preview.verdict is None or not before.is_same_as(seen):
            return False
        return preview.verdict.rests or seen.at < before.at + _RENEWED

    def _judge(self, number: int) -> tuple[Preview, Release] | None:
        """Renew the verdict on a preview; return it and its release if that can be signed, and is not yet."""
        with self._tools.application.planning() as unit:
            preview = previews.preview(unit.session, number)
            if preview is None or not previews.is_open(unit.session, number):
                return None  # it has ended meanwhile
            this = Round.begin(self._tools, unit)
            seen = self._look(this, number)
            found = jobs.of_preview(unit.session, number, list(JobState))
            verdict, members = _verdict(this, number, found, seen.stale)
            if verdict != preview.verdict:
                previews.set_verdict(unit.session, number, verdict, now=unit.now)
            release = None
            if members is not None and preview.release is None:
                trial = self._tools.state.trial(unit, this.base_number)
                release = self._publication.prepare(
                    unit, preview, members, base=this.newest, trial=trial, cache=self._tools.members
                )
        self._seen[number] = seen
        return (preview, release) if release else None


Judged: TypeAlias = "tuple[PreviewVerdict, Mapping[str, Member | None] | None]"
"""A verdict, and what the preview changes if the set with it is proven, and can be run."""


def _verdict(this: Round, number: int, found: list[Job], stale: tuple[str, ...]) -> Judged:
    base = this.base_number
    newest = {job.name: job for job in found if job.kind is JobKind.BUILD}
    stopped = [job for job in newest.values() if job.state in _STOPPED]
    ended = [job for job in newest.values() if job.state is JobState.SUCCEEDED]
    if len(ended) + len(stopped) < len(newest):
        summary = f"{len(ended)} of {counted(len(newest), 'build')} done"
        return PreviewVerdict(VerdictState.BUILDING, base, summary, stale=stale), None
    if stopped:
        failed = tuple(
            PreviewFinding(GateKind.BUILD, job.name, passed=False, message=job.error or str(job.state), job=job.id)
            for job in stopped
        )
        names = ", ".join(finding.package for finding in failed)
        return PreviewVerdict(VerdictState.FAILS, base, f"{names} could not be built", failed, stale=stale), None
    return _judged(this, number, stale)


def _judged(this: Round, number: int, stale: tuple[str, ...]) -> Judged:
    """Return the verdict on what is built, or how far its tests are."""
    unit, tools = this.unit, this.tools
    trial = tools.state.trial(unit, this.base_number)
    base = {name: member.descriptor.digest for name, member in trial.base.items()}
    moving = _changes(BuildScope(unit, number), base)
    members = {name: tools.members.member(package) if package else None for name, package in moving.items()}
    held, later = tools.gates.before_release(unit, [package for package in moving.values() if package])
    open_verdict = PreviewVerdict(
        state=VerdictState.TESTING,
        base=this.base_number,
        summary="",
        findings=tuple(
            PreviewFinding(gate_key(back.gate), name, passed=False, message=back.result.reason, job=back.result.job)
            for name, back in sorted(held.items())
        ),
        changes=tuple(_shown_changes(this, moving, base)),
        stale=stale,
        unknown=tuple(gate_key(gate) for gate in later),
    )
    try:
        evaluation = _evaluation(this, number, trial, members)
        answer = evaluation.evaluate(members, JobVerdicts(unit, None, this.results, preview=number))
    except NotKnownYetError as waiting:
        return replace(open_verdict, summary=waiting.summary), members
    finally:
        trial.place({})
    return _decided(open_verdict, answer), None if isinstance(answer.evidence, ProofEvidence) else members


def _evaluation(this: Round, number: int, trial: TrialSet, members: Mapping[str, Member | None]) -> SetEvaluation:
    tools = this.tools
    return SetEvaluation(
        this.unit,
        trial=trial,
        cache=tools.members,
        changes=members,
        test_needs=tools.state.test_needs,
        results=this.results,
        scope=tools.scope,
        compares=tools.compares,
        trace=preview_trace(number),
        preview=number,
    )


def _decided(open_verdict: PreviewVerdict, answer: Answer) -> PreviewVerdict:
    """Return the verdict once all tests have ended: its findings are those of the set and of each package's gates."""
    findings = (*_findings(answer.evidence), *open_verdict.findings)
    tests = answer.evidence.count if isinstance(answer.evidence, TestEvidence) else 0
    if answer.green and not open_verdict.findings:
        changed = counted(len(open_verdict.changes), "package")
        state, summary = VerdictState.PASSES, f"{changed} would change, {counted(tests, 'test')} passed"
    else:
        bad = [finding for finding in findings if not finding.passed]
        state, summary = VerdictState.FAILS, f"{counted(len(bad), 'problem')} would hold it back"
    return replace(open_verdict, state=state, summary=summary, findings=findings, tests=tests)


def _shown_changes(
    this: Round, moving: Mapping[str, Package | None], base: Mapping[str, Digest]
) -> Iterator[PreviewChange]:
    for name, package in sorted(moving.items()):
        yield PreviewChange(
            package=name,
            before=this.tools.members.package(this.unit, base[name]).printed_version if name in base else "",
            after=package.printed_version if package else "",
            digest=package.digest if package else None,
        )


def _changes(scope: BuildScope, base: Mapping[str, str]) -> dict[str, Package | None]:
    """Return what a preview changes in the packages of `base` (descriptors by name); None for one that it removes."""
    session = scope.unit.session
    moving: dict[str, Package | None] = {}
    for name, head in heads.heads(session, scope.preview).items():
        built = scope.packages_of_plan(head.built_plan) if head.built_plan else []
        farms = recipes.head(session, name)
        before = packages.packages_of_plan(session, farms.built_plan) if farms and farms.built_plan else []
        moving |= dict.fromkeys((package.name for package in before if package.name in base), None)
        moving |= {package.name: package for package in built}
    return {
        name: package for name, package in moving.items() if (package.digest if package else None) != base.get(name)
    }


def _findings(evidence: Evidence | None) -> Iterator[PreviewFinding]:
    """Yield what the proof, the comparison of interfaces, and the tests have found."""
    match evidence:
        case ProofEvidence():
            for problem in evidence.problems:
                yield PreviewFinding(GateKind.PROOF, ", ".join(problem.packages), passed=False, message=problem.message)
        case InterfaceEvidence():
            for changed in evidence.changed:
                yield PreviewFinding(
                    GateKind.ABI, changed.package, passed=False, message=changed.message, job=changed.job
                )
        case TestEvidence():
            for tests, passed in ((evidence.regressions, False), (evidence.already_red, True), (evidence.flaky, True)):
                for test in tests:
                    yield PreviewFinding(GateKind.TESTS, test.package, passed, test.sentence, test.job)
