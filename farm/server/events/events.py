"""Events: what people are notified of, in words and as JSON; read by submitter and by package."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from sqlmodel import col, delete, not_, select

from farm.api.notification_wire import EventKind
from farm.core.names.utc import utc_text
from farm.server.tables.notification_rows import DeliveryRow, EventRow
from farm.server.tables.reading import Record

if TYPE_CHECKING:
    from sqlmodel import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Event(Record, columns={"submission": "submission_id", "job": "job_id"}):
    """One event. `package` is a recipe's name where it is about a build; `detail` is a line that says why."""

    id: int
    at: datetime
    kind: EventKind
    submitter: str
    package: str
    channel: str
    release: int | None
    submission: int | None
    job: int | None
    detail: str

    @property
    def title(self) -> str:
        """The event in a sentence without its end."""
        submission = f"submission {self.submission}"
        return {
            EventKind.JOB_FAILED: f"the build of {self.package} failed",
            EventKind.JOB_RECOVERED: f"the build of {self.package} succeeds again",
            EventKind.SUBMISSION_WAITING: f"{submission} waits for owners",
            EventKind.SUBMISSION_ACCEPTED: f"{submission} is accepted",
            EventKind.SUBMISSION_FAILED: f"{submission} failed",
            EventKind.SUBMISSION_DONE: f"{submission} is done",
            EventKind.SUBMISSION_WITHDRAWN: f"{submission} was withdrawn",
            EventKind.PACKAGE_RELEASED: f"{self.package} is in release {self.release} of {self.channel}",
            EventKind.PACKAGE_HELD_BACK: f"{self.package} is held back from {self.channel}",
        }[self.kind]

    @property
    def path(self) -> str:
        """The page about it, as a path of the farm."""
        if self.kind is EventKind.PACKAGE_RELEASED:
            return f"/channels/{quote(self.channel, safe='')}/releases/{self.release}"
        if self.kind is EventKind.PACKAGE_HELD_BACK:
            return f"/channels/{quote(self.channel, safe='')}"
        return f"/jobs/{self.job}" if self.job is not None else f"/submissions/{self.submission}"

    def message(self, address: str) -> dict[str, Any]:
        """Return the event as Standard Webhooks has it: `type`, `timestamp`, `data`; the farm is at `address`."""
        about = {
            "package": self.package,
            "channel": self.channel,
            "release": self.release,
            "submission": self.submission,
            "job": self.job,
            "detail": self.detail,
        }
        data = {name: value for name, value in about.items() if value not in ("", None)}
        data |= {"event": self.id, "title": self.title, "submitter": self.submitter, "url": f"{address}{self.path}"}
        return {"type": self.kind.value, "timestamp": utc_text(self.at), "data": data}


def event(session: Session, number: int) -> Event | None:
    """Return the event of this number."""
    return Event.first(session, select(EventRow).where(EventRow.id == number))


def of_submitter(session: Session, submitter: str, *, limit: int) -> list[Event]:
    """Return the newest events of a submitter, newest first."""
    query = select(EventRow).where(EventRow.submitter == submitter).order_by(col(EventRow.id).desc()).limit(limit)
    return Event.all(session, query)


def of_package(session: Session, package: str, *, limit: int) -> list[Event]:
    """Return the newest events of a package or recipe, newest first."""
    query = select(EventRow).where(EventRow.package == package).order_by(col(EventRow.id).desc()).limit(limit)
    return Event.all(session, query)


def forget(session: Session, *, before: datetime) -> int:
    """Delete the events from before this time, but those that are still to be sent; return how many."""
    unsent = select(DeliveryRow.id).where(col(DeliveryRow.event_id) == col(EventRow.id)).exists()
    return session.exec(delete(EventRow).where(col(EventRow.at) < before, not_(unsent))).rowcount
