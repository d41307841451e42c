"""Columns of notifications: people's requests about jobs, numbered changes, events, webhooks and deliveries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.attack.editing import Nothing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.attack.editing import Column

_FOR_PEOPLE = Nothing("for people to read, or to be notified of: no decision about a release reads it")
_WHOM = Nothing("where messages are sent to, and when: no decision about a release reads it")


def _all(columns: str, why: Nothing) -> dict[str, Column]:
    return dict.fromkeys(columns.split(), why)


_ABOUT = "package channel release submission_id job_id detail"
COLUMNS: Mapping[str, Mapping[str, Column]] = {
    "job_request": _all("id job_id act by why at made_id", _FOR_PEOPLE),
    "change_counter": _all("id newest", _FOR_PEOPLE),
    "job_change": _all("job_id submitter number", _FOR_PEOPLE),
    "event": _all(f"id at kind submitter {_ABOUT}", _FOR_PEOPLE),
    "tracked_state": _all(
        f"subject name submitter state since number notified_state events counted_at quiet_until {_ABOUT}", _FOR_PEOPLE
    ),
    "webhook": _all(
        "id owner url events secret created_at failures failing_since not_before trouble delivered_at disabled_at",
        _WHOM,
    ),
    "delivery": _all("id webhook_id message event_id created_at due_at attempts", _WHOM),
}
