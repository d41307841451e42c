"""The JSON of what people follow: their jobs and submissions, events, and webhooks."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from farm.api.wire import JobWire, Omitted, Wire


class EventKind(StrEnum):
    """What people can be notified of."""

    JOB_FAILED = "job.failed"
    JOB_RECOVERED = "job.recovered"
    SUBMISSION_ACCEPTED = "submission.accepted"
    SUBMISSION_WAITING = "submission.waiting"
    SUBMISSION_FAILED = "submission.failed"
    SUBMISSION_DONE = "submission.done"
    SUBMISSION_WITHDRAWN = "submission.withdrawn"
    PACKAGE_RELEASED = "package.released"
    PACKAGE_HELD_BACK = "package.held-back"


MOST_WAIT = 25
"""The most seconds that the farm lets a watcher wait for a change."""
MOST_WATCHED_JOBS = 500
"""The most jobs that one answer to a watcher lists."""


MOST_AT_WORK = 50
"""The most jobs whose steps one answer has."""


class WatchedJobWire(Wire):
    """A job of one's own. `worker` has it, and is at `step`, if both are known."""

    job: JobWire
    worker: Annotated[str, Omitted] = ""
    step: Annotated[str, Omitted] = ""


class WatchedStateWire(Wire):
    """The state of one's own submission (`submission`), or of one's own package in a channel, and why."""

    state: str
    since: datetime
    submission: Annotated[int | None, Omitted] = None
    package: Annotated[str, Omitted] = ""
    channel: Annotated[str, Omitted] = ""
    release: Annotated[int | None, Omitted] = None
    job: Annotated[int | None, Omitted] = None
    detail: Annotated[str, Omitted] = ""


class WatchWire(Wire):
    """What has changed since a number; the next question names `number`. If `whole`, it is all that is unfinished.

    With `more`, there are more changes than were listed.
    """

    number: int
    whole: bool
    more: Annotated[bool, Omitted] = False
    submissions: tuple[WatchedStateWire, ...]
    jobs: tuple[WatchedJobWire, ...]
    packages: tuple[WatchedStateWire, ...]


class WebhookRequest(Wire):
    """Have one's own events, of these kinds or all, delivered to an address."""

    url: Annotated[str, StringConstraints(min_length=1, max_length=2000)]
    events: tuple[EventKind, ...] = ()


class WebhookWire(Wire):
    """A webhook. `secret` is shown once, when it is made. `trouble` is the last error, or why it was disabled."""

    id: int
    url: str
    events: tuple[EventKind, ...]
    created_at: datetime
    waiting: int = 0
    failures: int = 0
    trouble: str = ""
    delivered_at: datetime | None = None
    not_before: datetime | None = None
    disabled_at: datetime | None = None
    secret: Annotated[str, Omitted] = ""


class WebhookPage(Wire):
    """One's own webhooks, oldest first."""

    webhooks: tuple[WebhookWire, ...]


class TestMessageWire(Wire):
    """A message was put into the outbox for a webhook; `message` is its id."""

    __test__ = False  # pytest would collect it for its name

    message: str = Field(min_length=1)
