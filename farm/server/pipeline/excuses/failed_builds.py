"""The excuses for recipes that are not built: their own build has failed or met trouble, or one that they wait for."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from farm.core.names.printed_version import printed_version
from farm.core.policy.gate_kind import GateKind
from farm.server.channels import candidates, excuses
from farm.server.channels.excuses import Excuse
from farm.server.jobs import attempts, jobs
from farm.server.jobs.blocking import HeldUp, waits_for
from farm.server.recipes import recipes
from farm.server.tables.states import JobState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from farm.core.buildlog.first_error import FirstError
    from farm.server.documents.log_store import LogStore
    from farm.server.tables.records import Job
    from farm.server.transaction.unit_of_work import UnitOfWork

_STUCK = (JobState.FAILED, JobState.SET_ASIDE)
_LONGEST_LINE = 500


class FailedBuilds:
    """Maintains the excuses of one channel for failed builds, while no build is under way. For one thread."""

    def __init__(self, channel: str) -> None:
        self._channel = channel
        self._known: object = None

    def renew(self, unit: UnitOfWork, logs: LogStore) -> None:
        """Record the failed builds as excuses of the newest candidate, and clear those that succeed by now."""
        # With no build under way, failures change only with a new job, and troubles with the time of the last one.
        mark = (jobs.newest_job(unit.session), jobs.last_trouble(unit.session), recipes.last_built(unit.session))
        latest = candidates.latest_candidate(unit.session, self._channel)
        if mark == self._known or latest is None:
            return
        standing = [excuse.excuse for excuse in excuses.open_excuses(unit.session, self._channel)]
        found = list(unbuilt(unit, logs))
        if set(found) != {excuse for excuse in standing if excuse.gate is GateKind.BUILD}:
            others = [excuse for excuse in standing if excuse.gate is not GateKind.BUILD]
            excuses.hold_back(unit.session, self._channel, latest.id, [*others, *found], now=unit.now)
        self._known = mark


def unbuilt(unit: UnitOfWork, logs: LogStore) -> Iterator[Excuse]:
    """Yield the excuses for recipes whose current revision failed to build, or is not built yet."""
    heads = recipes.unbuilt(unit.session)
    builds = jobs.latest_of_revisions(unit.session, (head.current for head in heads))
    held = HeldUp(unit, builds.values())
    for head in heads:
        job = builds.get(head.current)
        if job is None or job.state not in (*_STUCK, JobState.BLOCKED, JobState.WAITING, JobState.READY):
            continue
        culprit = next(iter(held.by(head.name)), job)
        if job.state is not JobState.BLOCKED and culprit.state not in _STUCK and not culprit.trouble:
            continue  # it is going to be built
        revision = recipes.revision(unit.session, head.current)
        root = culprit.name if culprit.name != head.name else ""
        reason, remedy = _why_unbuilt(culprit, root)
        yield Excuse(
            package=head.name,
            gate=GateKind.BUILD,
            reason=reason,
            version=printed_version(revision.version, revision.revision),
            root=root,
            owner=recipes.submitter(unit.session, revision.submission),
            job=culprit.id,
            **failure_of(unit, logs, culprit.id),
            remedy=remedy,
        )


def failed_build(unit: UnitOfWork, job: Job) -> Job:
    """Follow a blocked or waiting build to the build that it waits for; it is itself where it waits for none."""
    return next(iter(waits_for(unit, job)), job)


class Failure(TypedDict, total=False):
    """What an excuse says of the log of a failed job."""

    line: str
    first_error: FirstError


def failure_of(unit: UnitOfWork, logs: LogStore, job: int | None) -> Failure:
    """Return the first error of a job's last attempt, and the line that says it; empty if there is no job, or no log.

    Without an error, the line is the last one of the log.
    """
    tried = attempts.attempts_of(unit.session, job) if job is not None else []
    if not tried:
        return {}
    found = tried[-1].first_error
    if found is None:
        last = logs.last_line(tried[-1].id)[:_LONGEST_LINE]
        return {"line": last} if last else {}
    return {"line": found.sentence[:_LONGEST_LINE], "first_error": found}


def _why_unbuilt(culprit: Job, root: str) -> tuple[str, str]:
    """Return why a build has not succeeded, and what to do; the remedy is empty if it is tried again by itself."""
    if culprit.state is JobState.SET_ASIDE:
        retry = f"Find out why the workers of job {culprit.id} are lost, then retry it: `farm retry {culprit.id}`."
        return f"{root or 'its build'} was {culprit.error.partition(chr(10))[0]}", retry
    if culprit.trouble:
        return f"{root or 'its build'} is tried again: {culprit.error}", ""
    reason = f"{root} could not be built" if root else f"its build failed: {culprit.error}"
    return reason, f"Fix the recipe of {culprit.name} and submit it, or try job {culprit.id} again."
