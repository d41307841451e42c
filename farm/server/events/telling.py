"""Decides whether people are told of a state: when it has changed, and not too often. Plain values, no SQL."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from farm.api.notification_wire import EventKind
from farm.server.tables.states import BuildState, Matter, PackageState, SubmissionProgress

MOST_EVENTS = 6
"""How many events about the same matter are told in `COUNTED`; after that it is told how things stand at its end."""
COUNTED = timedelta(hours=1)

_KINDS: dict[tuple[Matter, str], EventKind] = {
    (Matter.BUILD, BuildState.FAILED): EventKind.JOB_FAILED,
    (Matter.BUILD, BuildState.SUCCEEDED): EventKind.JOB_RECOVERED,
    (Matter.SUBMISSION, SubmissionProgress.WAITING): EventKind.SUBMISSION_WAITING,
    (Matter.SUBMISSION, SubmissionProgress.ACCEPTED): EventKind.SUBMISSION_ACCEPTED,
    (Matter.SUBMISSION, SubmissionProgress.FAILED): EventKind.SUBMISSION_FAILED,
    (Matter.SUBMISSION, SubmissionProgress.DONE): EventKind.SUBMISSION_DONE,
    (Matter.SUBMISSION, SubmissionProgress.WITHDRAWN): EventKind.SUBMISSION_WITHDRAWN,
    (Matter.PACKAGE, PackageState.RELEASED): EventKind.PACKAGE_RELEASED,
    (Matter.PACKAGE, PackageState.HELD_BACK): EventKind.PACKAGE_HELD_BACK,
}
# States that are told only after one of these; what people were told nothing of is the empty text.
_ONLY_AFTER: dict[tuple[Matter, str], tuple[str, ...]] = {
    (Matter.BUILD, BuildState.SUCCEEDED): (BuildState.FAILED,),
    (Matter.SUBMISSION, SubmissionProgress.ACCEPTED): ("", SubmissionProgress.WAITING),
}


@dataclass(frozen=True, slots=True)
class Told:
    """What people were told of a matter: the `state`, how many `events` since `counted_at`, and whether it is quiet."""

    counted_at: datetime
    state: str = ""
    events: int = 0
    quiet_until: datetime | None = None


def tell(matter: Matter, state: str, told: Told, *, now: datetime, anew: bool = False) -> tuple[EventKind | None, Told]:
    """Return the event that a state makes, if any, and what people have been told then.

    `anew`: it is news although the state is the one that was told, as with a further release of a package. Once the
    events of `COUNTED` are used up, none is made until that time is over; `quiet_until` says when to look again.
    """
    kind, after = _KINDS.get((matter, state)), _ONLY_AFTER.get((matter, state))
    if kind is None or (state == told.state and not anew) or (after is not None and told.state not in after):
        return None, replace(told, quiet_until=None)
    if now >= told.counted_at + COUNTED:
        told = replace(told, events=0, counted_at=now)
    if told.events >= MOST_EVENTS:
        return None, replace(told, quiet_until=told.counted_at + COUNTED)
    return kind, replace(told, state=state, events=told.events + 1, quiet_until=None)
