"""Columns of what people are told: their requests about jobs, numbered changes, events, webhooks and deliveries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.attack.editing import Nothing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.attack.editing import Column

_TOLD = Nothing("for people to read, or to be told: no decision about a release reads it")
_WHOM = Nothing("where messages are sent to, and when: no decision about a release reads it")


def _all(columns: str, why: Nothing) -> dict[str, Column]:
    return dict.fromkeys(columns.split(), why)


_ABOUT = "package channel release submission_id job_id detail"
COLUMNS: Mapping[str, Mapping[str, Column]] = {
    "job_request": _all("id job_id act by why at made_id", _TOLD),
    "change_counter": _all("id newest", _TOLD),
    "job_change": _all("job_id submitter number", _TOLD),
    "event": _all(f"id at kind submitter {_ABOUT}", _TOLD),
    "tracked_state": _all(
        f"matter name submitter state since number told events counted_at quiet_until {_ABOUT}", _TOLD
    ),
    "webhook": _all(
        "id owner url events secret created_at failures failing_since not_before trouble delivered_at disabled_at",
        _WHOM,
    ),
    "delivery": _all("id webhook_id message event_id created_at due_at attempts", _WHOM),
}
