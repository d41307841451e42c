"""The gate `soak`: the channel that packages come from has held them long enough, and nobody reported trouble.

What goes soaks too: from the release of that channel on that is without it. Who promotes goes past the waiting alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.core.files.duration import duration_text
from farm.core.policy.gate_kind import GateKind
from farm.server.channels import releases
from farm.server.curation import reports
from farm.server.federation import imported
from farm.server.pipeline.gates.gate_result import GateResult

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime, timedelta

    from farm.server.curation.reports import Report
    from farm.server.pipeline.gates.gate_result import Arrival
    from farm.server.transaction.unit_of_work import UnitOfWork


class OpenReports:
    """What stands of the gate for what a curator promotes: no report on it is open on `from_channel`."""

    kind = GateKind.SOAK

    def __init__(self, from_channel: str) -> None:
        self.from_channel = from_channel

    def standings(self, unit: UnitOfWork, channel: str, arrivals: Sequence[Arrival]) -> Mapping[str, GateResult]:  # noqa: ARG002
        """Return the standing of those on which a report is open: they wait until somebody closes it."""
        trouble = reports.open_reports(unit.session, self.from_channel, [package.digest for package in arrivals])
        return {
            arrival.name: self._reported(trouble[arrival.digest]) for arrival in arrivals if arrival.digest in trouble
        }

    def _reported(self, trouble: Sequence[Report]) -> GateResult:
        first = trouble[0]
        more = f" (and {len(trouble) - 1} more)" if len(trouble) > 1 else ""
        return GateResult(
            "failed",
            f"{first.reported_by} reported trouble with it on {self.from_channel}: {first.reason}{more}",
            f"Submit a recipe that mends it; or, if there is nothing to mend, "
            f"`farm channel report --resolve {first.id}`.",
        )


class Soak:
    """`from_channel` has published the package `duration` ago and held it since, and no report on it is open there."""

    kind = GateKind.SOAK

    def __init__(self, duration: timedelta, from_channel: str) -> None:
        self.duration = duration
        self.from_channel = from_channel
        self.open_reports = OpenReports(from_channel)

    def standings(self, unit: UnitOfWork, channel: str, arrivals: Sequence[Arrival]) -> Mapping[str, GateResult]:
        """Return the standing of those that are not there yet: they wait for the clock, or for an open report."""
        digests = [package.digest for package in arrivals]
        since = releases.first_released(unit.session, self.from_channel, digests)
        since |= imported.first_taken(unit.session, self.from_channel, (arrival.name for arrival in arrivals))
        waiting = {}
        for package in arrivals:
            standing = self._standing(since.get(package.digest), unit.now)
            if standing is not None:
                waiting[package.name] = standing
        return {**waiting, **self.open_reports.standings(unit, channel, arrivals)}

    def departing(self, unit: UnitOfWork, channel: str, departures: Sequence[Arrival]) -> Mapping[str, GateResult]:  # noqa: ARG002
        """Return the standing of those that have not been gone for so long; what was never there may go."""
        names = [departure.name for departure in departures]
        gone = releases.gone_since(unit.session, self.from_channel, names)
        gone |= imported.gone_since(unit.session, self.from_channel, names)
        found = {}
        for name, since in gone.items():
            if since is None:
                found[name] = GateResult(
                    "failed",
                    f"the newest release of {self.from_channel} holds it, so it does not go",
                    f"It goes once {self.from_channel} is without it.",
                )
            elif unit.now < since + self.duration:
                found[name] = self._soaking(f"{self.from_channel} has been without it", "that soaks", since)
        return found

    def _soaking(self, told: str, what: str, since: datetime) -> GateResult:
        end = since + self.duration
        return GateResult(
            "waiting",
            f"{told} since {since:%Y-%m-%d %H:%M} UTC, and {what} for {duration_text(self.duration)}",
            f"Wait until {end:%Y-%m-%d %H:%M} UTC.",
            end,
        )

    def _standing(self, since: datetime | None, now: datetime) -> GateResult | None:
        if since is None:
            return GateResult(
                "failed",
                f"the newest release of {self.from_channel} does not hold it",
                f"Release it on {self.from_channel} first.",
            )
        if now >= since + self.duration:
            return None
        return self._soaking(f"it has been on {self.from_channel}", "soaks", since)
