"""What a channel would change now: against fresh builds, another channel, or as a curator ordered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.database import differences, jobs, orders, releases
from farm.release.status import has_unfinished_builds

if TYPE_CHECKING:
    from collections.abc import Callable

    from farm.control.desk import Desk
    from farm.database.differences import Differences
    from farm.database.orders import Order
    from farm.database.releases import ReleaseRecord
    from farm.recipe import ChannelPolicy

BUILDS = "builds"


@dataclass(frozen=True, slots=True)
class Proposal:
    """Changes to the newest release of a channel; `order` is the curator's order that they come from, if any."""

    changes: Differences
    source: str
    order: Order | None = None

    @property
    def is_rollback(self) -> bool:
        """Whether it brings an old set back: that was proven and tested when it was new."""
        return self.order is not None and self.order.kind == "rollback"


@dataclass(frozen=True, slots=True)
class NothingToDo:
    """Why nothing is proposed: `state` is building, idle or waiting."""

    state: str
    message: str


class Collector:
    """Proposes changes to one channel. What the database said is good until something was built or released since."""

    def __init__(self, policy: ChannelPolicy) -> None:
        self._policy = policy
        self._known: _Known | None = None

    def propose(self, desk: Desk, newest: ReleaseRecord | None) -> Proposal | NothingToDo:
        """Return what the channel would change now; a curator's order comes first."""
        policy = self._policy
        order = orders.open_order(desk.session, policy.name)
        if order is not None and order.kind != "retry":
            return _ordered(desk, policy, newest, order)
        if order is None and newest and policy.cadence and newest.published_at:
            due = newest.published_at + policy.cadence
            if due > desk.now:
                when = f"{due:%Y-%m-%d %H:%M:%S} UTC"
                return NothingToDo("waiting", f"the next release of {policy.name} is due at {when}")
        return self._from_channel(desk, newest, order) if policy.from_channel else self._built(desk, newest, order)

    def _built(self, desk: Desk, newest: ReleaseRecord | None, order: Order | None) -> Proposal | NothingToDo:
        if has_unfinished_builds(desk.session):
            return NothingToDo("building", "builds are not finished")
        # With no build under way, what is built depends on the jobs that there are, and every job has a number.
        mark = (jobs.newest_job(desk.session), newest.number if newest else 0)
        changes = self._differences(mark, lambda: differences.from_builds(desk.session, self._policy.name))
        if not changes and order is None:
            held = f"release {newest.number} holds everything that is built" if newest else "nothing is built yet"
            return NothingToDo("idle", held)
        return Proposal(changes, BUILDS, order)

    def _from_channel(self, desk: Desk, newest: ReleaseRecord | None, order: Order | None) -> Proposal | NothingToDo:
        here, there = self._policy.name, self._policy.from_channel
        source = releases.newest_release(desk.session, there, published=False)
        if source is None or source.published_at is None:
            return NothingToDo("waiting", f"{there} has no release that is signed yet")
        mark = (source.number, newest.number if newest else 0)
        changes = self._differences(mark, lambda: differences.from_channel(desk.session, here, there))
        if not changes and order is None:
            return NothingToDo("idle", f"{here} holds what release {source.number} of {there} does")
        return Proposal(changes, f"{there} release {source.number}", order)

    def _differences(self, mark: object, ask: Callable[[], Differences]) -> Differences:
        known = self._known
        if known is None or known.mark != mark:
            known = self._known = _Known(mark, ask())
        return known.changes


@dataclass(frozen=True, slots=True)
class _Known:
    """What the database said while things stood as `mark` says."""

    mark: object
    changes: Differences


def _ordered(desk: Desk, policy: ChannelPolicy, newest: ReleaseRecord | None, order: Order) -> Proposal:
    number = int(order.detail["number"])
    if order.kind == "rollback":
        here = newest.number if newest else 0
        changes = releases.release_difference(desk.session, policy.name, here, number)
        return Proposal(changes, f"rollback to release {number}", order)
    source = str(order.detail["from"])
    there = releases.release_set(desk.session, source, number)
    here_set = releases.release_set(desk.session, policy.name, newest.number) if newest else {}
    names = set(order.detail.get("packages") or there.keys() | here_set.keys())
    wanted = {
        name: (here_set.get(name), there.get(name)) for name in sorted(names) if here_set.get(name) != there.get(name)
    }
    return Proposal(wanted, f"{source} release {number}", order)
