"""Decides whether people are notified of a state: when it has changed, and not too often. Plain values, no SQL."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from farm.api.notification_wire import EventKind
from farm.server.tables.states import BuildState, PackageState, ProgressState, SubjectKind

MOST_EVENTS = 6
"""The most events about one subject in `COUNTED`; what changes more often makes an event at the end of that time."""
COUNTED = timedelta(hours=1)

_KINDS: dict[tuple[SubjectKind, str], EventKind] = {
    (SubjectKind.BUILD, BuildState.FAILED): EventKind.JOB_FAILED,
    (SubjectKind.BUILD, BuildState.SUCCEEDED): EventKind.JOB_RECOVERED,
    (SubjectKind.SUBMISSION, ProgressState.WAITING): EventKind.SUBMISSION_WAITING,
    (SubjectKind.SUBMISSION, ProgressState.ACCEPTED): EventKind.SUBMISSION_ACCEPTED,
    (SubjectKind.SUBMISSION, ProgressState.FAILED): EventKind.SUBMISSION_FAILED,
    (SubjectKind.SUBMISSION, ProgressState.DONE): EventKind.SUBMISSION_DONE,
    (SubjectKind.SUBMISSION, ProgressState.WITHDRAWN): EventKind.SUBMISSION_WITHDRAWN,
    (SubjectKind.PACKAGE, PackageState.RELEASED): EventKind.PACKAGE_RELEASED,
    (SubjectKind.PACKAGE, PackageState.HELD_BACK): EventKind.PACKAGE_HELD_BACK,
}
# States that make an event only after one of these; the empty text: nobody was notified of the subject yet.
_ONLY_AFTER: dict[tuple[SubjectKind, str], tuple[str, ...]] = {
    (SubjectKind.BUILD, BuildState.SUCCEEDED): (BuildState.FAILED,),
    (SubjectKind.SUBMISSION, ProgressState.ACCEPTED): ("", ProgressState.WAITING),
}


@dataclass(frozen=True, slots=True)
class Notified:
    """What people were notified of: the last `state` of a subject, and how many `events` since `counted_at`.

    Until `quiet_until` there is no further event.
    """

    counted_at: datetime
    state: str = ""
    events: int = 0
    quiet_until: datetime | None = None


def decide_event(
    subject: SubjectKind, state: str, notified: Notified, *, now: datetime, anew: bool = False
) -> tuple[EventKind | None, Notified]:
    """Return the event that a state makes, if any, and what people have been notified of then.

    `anew`: it is news although people know the state, as with a further release of a package. Once the
    events of `COUNTED` are used up, none is made until that time is over; `quiet_until` says when to look again.
    """
    kind, after = _KINDS.get((subject, state)), _ONLY_AFTER.get((subject, state))
    if kind is None or (state == notified.state and not anew) or (after is not None and notified.state not in after):
        return None, replace(notified, quiet_until=None)
    if now >= notified.counted_at + COUNTED:
        notified = replace(notified, events=0, counted_at=now)
    if notified.events >= MOST_EVENTS:
        return None, replace(notified, quiet_until=notified.counted_at + COUNTED)
    return kind, replace(notified, state=state, events=notified.events + 1, quiet_until=None)
