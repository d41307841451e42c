"""When a job that did not come to a result is wished for anew: later and later."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from farm.server.tables.records import Job

_FIRST_PAUSE = timedelta(seconds=20)
_LONGEST_PAUSE = timedelta(hours=1)


def trouble_until(failed: Sequence[Job], now: datetime, *, what: str = "") -> str:
    """Return what the last of these jobs has met (or `what`) and when it is tried again; empty when that is now."""
    pause = min(_FIRST_PAUSE * 2 ** min(len(failed) - 1, 16), _LONGEST_PAUSE)
    again = (failed[-1].finished_at or now) + pause
    return f"{what or failed[-1].error}; it is tried again at {again:%Y-%m-%d %H:%M:%S} UTC" if again > now else ""
