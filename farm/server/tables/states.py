"""The states of jobs and attempts, and the allowed transitions. Plain values, no SQL."""

from __future__ import annotations

from enum import StrEnum


class JobKind(StrEnum):
    """What a worker can lease."""

    BUILD = "build"
    TEST = "test"
    COMPARISON = "comparison"  # of the interfaces of two builds of a library


class JobState(StrEnum):
    """The state of a job. `succeeded`, `failed` and `cancelled` are final; a retry makes a new job."""

    WAITING = "waiting"  # for packages that it is built against, or for a twin with the same plan
    BLOCKED = "blocked"  # a package that it is built against has failed; once fixed, it waits again
    READY = "ready"
    LEASED = "leased"
    RUNNING = "running"
    SET_ASIDE = "set-aside"  # several workers were lost at it; it waits for a person, and has not failed
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class AttemptState(StrEnum):
    """The state of one attempt at a job. The first two are live: they hold the lease."""

    LEASED = "leased"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    LOST = "lost"  # the lease ran out
    RELEASED = "released"  # the worker gave the lease back, at its own stop
    CANCELLED = "cancelled"


class SubmissionState(StrEnum):
    """The state of a submission. Waiting ones and previews have changed nothing yet; the others are final."""

    TAKEN = "taken"
    WAITING = "waiting"  # for owners of its recipes
    PREVIEW = "preview"  # built and tested apart from the farm, until somebody accepts it
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"  # a preview whose time is over


PENDING = (JobState.WAITING, JobState.BLOCKED, JobState.READY, JobState.SET_ASIDE)
HELD = (JobState.WAITING, JobState.BLOCKED)
"""Held up by others, or by nothing any more, until they are settled."""
LEASED = (JobState.LEASED, JobState.RUNNING)
ACTIVE = (JobState.READY, JobState.LEASED, JobState.RUNNING)
ENDED = (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED)
LIVE_ATTEMPT = (AttemptState.LEASED, AttemptState.RUNNING)

_NEXT: dict[JobState, frozenset[JobState]] = {
    JobState.WAITING: frozenset(
        # It fails here when no plan can be made of it, and succeeds when the plan was carried out before.
        {JobState.BLOCKED, JobState.READY, JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED}
    ),
    JobState.BLOCKED: frozenset({JobState.WAITING, JobState.CANCELLED}),
    # Back to waiting: its plan names a toolchain that the farm no longer has, so it is planned again.
    JobState.READY: frozenset({JobState.LEASED, JobState.WAITING, JobState.CANCELLED}),
    JobState.LEASED: frozenset(
        {
            JobState.RUNNING,
            JobState.READY,
            JobState.SET_ASIDE,
            JobState.SUCCEEDED,
            JobState.FAILED,
            JobState.CANCELLED,
        }
    ),
    JobState.RUNNING: frozenset(
        {JobState.READY, JobState.SET_ASIDE, JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED}
    ),
    # Waiting, not ready: its dependencies may have changed meanwhile.
    JobState.SET_ASIDE: frozenset({JobState.WAITING, JobState.READY, JobState.CANCELLED}),
    JobState.SUCCEEDED: frozenset(),
    JobState.FAILED: frozenset(),
    JobState.CANCELLED: frozenset(),
}


def may_become(before: JobState, after: JobState) -> bool:
    """Return whether a job in state `before` may move to `after`."""
    return after in _NEXT[before]


class JobAct(StrEnum):
    """What a person can request about a job."""

    CANCEL = "cancel"
    RETRY = "retry"


class SubjectKind(StrEnum):
    """What people are notified of the state of."""

    BUILD = "build"  # of a recipe
    SUBMISSION = "submission"
    PACKAGE = "package"  # in a channel


SUPERSEDED = "superseded"
"""The error code of a job that a later submission or release has replaced."""


class ProgressState(StrEnum):
    """The progress of a submission as its submitter sees it."""

    WAITING = "waiting"  # for owners of its recipes
    ACCEPTED = "accepted"  # its jobs are under way
    FAILED = "failed"  # no job is under way, and one did not succeed
    DONE = "done"
    SUPERSEDED = "superseded"  # later submissions replaced all of its recipes that were not built
    WITHDRAWN = "withdrawn"
    PREVIEW = "preview"  # it is built and tested, and there is no verdict yet
    PREVIEW_PASSES = "preview-passes"  # the verdict, which a later release may change
    PREVIEW_FAILS = "preview-fails"
    EXPIRED = "expired"  # a preview whose time was over


class PackageState(StrEnum):
    """The state of a package in a channel, as its submitter sees it."""

    HELD_BACK = "held-back"  # and a person has to act
    CLEARED = "cleared"  # no longer, and not released yet
    RELEASED = "released"


class BuildState(StrEnum):
    """Whether the last build of a recipe that ended was a success."""

    FAILED = "failed"
    SUCCEEDED = "succeeded"


class Role(StrEnum):
    """What the holder of a token may do: submit; decide about channels; run the farm (which includes the others)."""

    MAINTAINER = "maintainer"
    CURATOR = "curator"
    ADMIN = "admin"

    def allows(self, needed: Role) -> bool:
        """Return whether this role includes `needed`. Curators do not submit: approval is another person's task."""
        return self in (needed, Role.ADMIN)
