"""The gate `approvals`: enough people of a group have signed for this very package on this channel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.control.approving import counts
from farm.database import approvals
from farm.release.standing import Standing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from farm.control.desk import Desk
    from farm.release.standing import Arrival


class Approvals:
    """`count` different people of `group` have signed, each with the key that the group gives them now."""

    kind = "approvals"

    def __init__(self, group: str, count: int, keys: Mapping[str, str]) -> None:
        """`keys` are the group's public keys (64 hexadecimal digits) by name."""
        self.group = group
        self.count = count
        self.keys = dict(keys)

    def standings(self, desk: Desk, channel: str, arrivals: Sequence[Arrival]) -> Mapping[str, Standing]:
        """Return the standing of those that wait for signatures. A key that has changed makes old ones worthless."""
        signed = approvals.approvals_of(desk.session, channel, (package.digest for package in arrivals))
        found = {}
        for package in arrivals:
            valid = {each.curator for each in signed.get(package.digest, ()) if counts(each, self.keys)}
            if len(valid) < self.count:
                found[package.name] = self._waiting(channel, package, valid)
        return found

    def _waiting(self, channel: str, package: Arrival, valid: set[str]) -> Standing:
        others = sorted(self.keys.keys() - valid)
        so_far = f"{len(valid)} of {self.count} have approved it" + (f" ({', '.join(sorted(valid))})" if valid else "")
        who = f"one of {', '.join(others)}" if len(others) > 1 else "".join(others) or f"somebody in {self.group}"
        return Standing("waiting", so_far, f"Let {who} sign: `farm approve {channel} {package.name}`.")
