"""The time of a release against the clock of its signer or reader: a clock that is far behind is an error."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from farm.core.names.utc import read_utc_text, utc_text
from farm.errors import FarmError

if TYPE_CHECKING:
    from farm.trust.index.release_index import Release

CLOCK_TOLERANCE = timedelta(minutes=5)
"""How far the clocks of a farm and of its readers may differ."""


class ClockBehindError(FarmError):
    """This machine's clock shows a time before a release that is published already."""

    code = "clock-behind"

    def __init__(self, release: Release, now: datetime) -> None:
        super().__init__(
            f"release {release.number} of {release.channel} was made at {release.released_at}, and this machine's "
            f"clock says {utc_text(now)}: the clock is behind",
            remedy="Set the clock, then run it again. Until then nothing is changed.",
        )


def released_time(release: Release) -> datetime:
    """Return when the release was made. Raises a `FarmError` if it has no such time."""
    try:
        return read_utc_text(release.released_at)
    except ValueError as error:
        raise FarmError(
            f"release {release.number} of {release.channel} was made at {release.released_at!r}, which is not a time",
            remedy="Nothing was changed. Tell the owner of the channel.",
            code="malformed-time",
        ) from error


def check_clock(release: Release, now: datetime) -> None:
    """Refuse a clock that is behind the release by more than `CLOCK_TOLERANCE`. Raises `ClockBehindError`."""
    if released_time(release) > now + CLOCK_TOLERANCE:
        raise ClockBehindError(release, now)
