"""What `farm watch` knows: one's own submissions, jobs and packages, kept up to date by the answers of the farm."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from farm.api.notification_wire import WatchedJobWire, WatchedStateWire, WatchWire

UNDER_WAY = ("waiting", "accepted", "preview")
"""The states of submissions that are not finished; a preview is once there is a verdict on it."""
FAILED = ("failed", "preview-fails")


@dataclass(frozen=True, slots=True)
class Seen:
    """One line of the screen: a `submission`, a `job` or a `package` in a state since a time, and why.

    `key` tells it apart from others. `where` is its submission, or the channel of a package.
    """

    what: str
    key: str
    name: str
    state: str
    since: datetime
    where: str = ""
    worker: str = ""
    step: str = ""
    why: str = ""

    @property
    def compared(self) -> tuple[str, ...]:
        """The values of which one must differ for a change to be shown."""
        return self.what, self.key, self.state, self.why

    def form(self) -> dict[str, Any]:
        """Return it as JSON values."""
        texts = {"where": self.where, "worker": self.worker, "step": self.step, "why": self.why}
        first = {"what": self.what, "id": self.key, "name": self.name, "state": self.state}
        return {**first, "since": self.since.isoformat(), **{name: text for name, text in texts.items() if text}}


@dataclass(slots=True)
class Watched:
    """Everything that was seen. `missed` are submissions that had failed before the watch began."""

    seen: dict[tuple[str, str], Seen] = field(default_factory=dict)
    number: int | None = None
    more: bool = False
    _missed: frozenset[str] | None = None

    def update(self, answer: WatchWire) -> list[Seen]:
        """Take in an answer, and return what has changed, in its order."""
        fresh = {(line.what, line.key): line for line in _lines(answer)}
        changed = [
            line
            for key, line in fresh.items()
            if (before := self.seen.get(key)) is None or before.compared != line.compared
        ]
        self.seen = fresh if answer.whole else {**self.seen, **fresh}
        self.number, self.more = answer.number, answer.more
        self._drop_finished()
        if self._missed is None:
            self._missed = frozenset(line.key for line in self.submissions() if line.state in FAILED)
        return changed

    def submissions(self) -> list[Seen]:
        """Return the submissions, newest first."""
        return sorted(
            (line for line in self.seen.values() if line.what == "submission"), key=lambda line: -int(line.key)
        )

    def jobs(self, submission: str) -> list[Seen]:
        """Return the jobs of a submission, oldest first."""
        mine = (line for line in self.seen.values() if line.what == "job" and line.where == submission)
        return sorted(mine, key=lambda line: int(line.key))

    def packages(self) -> list[Seen]:
        """Return the packages that channels have decided about."""
        return [line for line in self.seen.values() if line.what == "package"]

    @property
    def at_work(self) -> list[int]:
        """The jobs that workers have."""
        return [int(line.key) for line in self.seen.values() if line.worker]

    @property
    def is_done(self) -> bool:
        """Whether no submission is unfinished."""
        return not any(line.state in UNDER_WAY for line in self.submissions())

    def has_failed(self, *, ever: bool) -> bool:
        """Return whether a submission has failed since the watch began, or `ever`."""
        missed = frozenset() if ever else self._missed or frozenset()
        return any(line.state in FAILED and line.key not in missed for line in self.submissions())

    def _drop_finished(self) -> None:
        """Forget a job once a later one has taken its place, so that a long watch does not grow."""
        newest: dict[tuple[str, str], int] = {}
        for line in self.seen.values():
            if line.what == "job":
                newest[line.where, line.name] = max(newest.get((line.where, line.name), 0), int(line.key))
        self.seen = {
            key: line
            for key, line in self.seen.items()
            if line.what != "job" or int(line.key) == newest[line.where, line.name]
        }


def _lines(answer: WatchWire) -> Iterator[Seen]:
    for submission in answer.submissions:
        number = str(submission.submission)
        yield Seen(
            "submission", number, f"submission {number}", submission.state, submission.since, why=submission.detail
        )
    yield from map(_job, answer.jobs)
    for package in answer.packages:
        yield _package(package)


def _job(watched: WatchedJobWire) -> Seen:
    job = watched.job
    name = (
        job.name
        if job.kind == "build" and not job.rebuild
        else f"{job.name} ({'rebuild' if job.rebuild else job.kind})"
    )
    return Seen(
        what="job",
        key=str(job.id),
        name=name,
        state=job.state,
        since=job.changed_at,
        where=str(job.submission or ""),
        worker=watched.worker,
        step=watched.step,
        why=job.error.partition("\n")[0],
    )


def _package(package: WatchedStateWire) -> Seen:
    released = f"release {package.release}" if package.release else ""
    return Seen(
        what="package",
        key=f"{package.channel}/{package.package}",
        name=package.package,
        state=package.state,
        since=package.since,
        where=package.channel,
        why=package.detail or released,
    )
