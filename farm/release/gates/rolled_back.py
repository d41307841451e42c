"""What a rollback took out of a channel does not come back by itself: a new version does, or a curator's word."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.database import rollbacks
from farm.release.standing import Standing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from farm.control.desk import Desk
    from farm.release.standing import Arrival


class RolledBack:
    """Holds back the very packages that a rollback took out. In force on every channel, whatever its policy says."""

    kind = "rolled-back"

    def standings(self, desk: Desk, channel: str, arrivals: Sequence[Arrival]) -> Mapping[str, Standing]:
        """Return the standing of those that a rollback took out, unless a curator has ordered them back since."""
        found = rollbacks.taken_out(desk.session, channel, [package.digest for package in arrivals])
        standings = {}
        for package in arrivals:
            taken = found.get(package.digest)
            if taken is not None and not taken.allows(package.name):
                standings[package.name] = Standing(
                    "failed",
                    f"release {taken.release} of {channel}, a rollback, took it out: {taken.reason}",
                    f"A new version goes in by itself; this one by `farm candidate retry {channel} {package.name}`.",
                )
        return standings
