"""Collects the changes that a channel could make now: new builds, another channel's packages, or a curator's order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.core.sets.findings.problem import listed
from farm.server.channels import differences, releases
from farm.server.channels.candidates import Source
from farm.server.curation import orders
from farm.server.federation import imported
from farm.server.jobs import jobs
from farm.server.pipeline.candidates.status import has_unfinished_builds
from farm.server.pipeline.round_result import RoundResult
from farm.server.recipes import recipes
from farm.server.tables.pipeline_states import CandidateOrigin, OrderKind, RoundState

if TYPE_CHECKING:
    from collections.abc import Callable

    from farm.core.policy.channel import ChannelPolicy
    from farm.server.channels.differences import Differences
    from farm.server.channels.releases import ReleaseRecord
    from farm.server.curation.orders import Order
    from farm.server.federation.imported import ImportedRelease
    from farm.server.pipeline.candidates.imports import Importer, Imports
    from farm.server.transaction.unit_of_work import UnitOfWork

    Unseen = Callable[[UnitOfWork], tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Proposal:
    """Changes to the newest release of a channel; `order` is the curator's order behind them, if any.

    `pins` are the releases of other distributions that the imported packages belong to once these changes are made.
    """

    changes: Differences
    source: Source
    order: Order | None = None
    pins: tuple[ImportedRelease, ...] = ()


class Collector:
    """Proposes changes to one channel. Keeps what it read from the database until something is built or released."""

    def __init__(self, policy: ChannelPolicy, importer: Importer, unseen: Unseen = lambda _unit: ()) -> None:
        """`unseen` returns the packages of other distributions that were not looked up yet."""
        self._policy = policy
        self._importer = importer
        self._unseen = unseen
        self._known: _Known | None = None

    def forget(self) -> None:
        """Read the database again next time: its records of releases have been corrected."""
        self._known = None

    def propose(self, unit: UnitOfWork, newest: ReleaseRecord | None) -> Proposal | RoundResult:
        """Return what the channel would change now; a curator's order comes first."""
        policy = self._policy
        order = orders.open_order(unit.session, policy.name)
        if order is not None and order.kind is not OrderKind.RETRY:
            return self._ordered(unit, newest, order)
        if order is None and newest and policy.cadence and newest.published_at:
            due = newest.published_at + policy.cadence
            if due > unit.now:
                when = f"{due:%Y-%m-%d %H:%M:%S} UTC"
                return self._nothing(RoundState.WAITING, f"the next release of {policy.name} is due at {when}")
        return self._from_channel(unit, newest, order) if policy.from_channel else self._built(unit, newest, order)

    def not_released(self, unit: UnitOfWork, newest: ReleaseRecord) -> Differences:
        """Return what is available and not in the newest release, whether it would pass the gates or not."""
        if not self._policy.from_channel:
            own, imports = self._new_builds(unit, newest)
        elif source := releases.newest_release(unit.session, self._policy.from_channel):
            own, imports = self._held_there(unit, newest, source.number)
        else:
            return {}
        return own | imports.changes

    def _built(self, unit: UnitOfWork, newest: ReleaseRecord | None, order: Order | None) -> Proposal | RoundResult:
        if has_unfinished_builds(unit.session, unit.now):
            return self._nothing(RoundState.BUILDING, "builds are not finished")
        # The builds change only with a new job, or when a paused job ends.
        built = (jobs.newest_job(unit.session), recipes.last_built(unit.session))
        mark = (*built, newest.number if newest else 0, imported.mark(unit.session))
        if (self._known is None or self._known.mark != mark) and (unseen := self._unseen(unit)):
            return self._nothing(
                RoundState.WAITING, f"looking up imported packages in their distributions: {listed(unseen)}"
            )

        changes, pins = self._differences(mark, lambda: self._new_builds(unit, newest))
        if not changes and order is None:
            held = f"release {newest.number} holds everything that is built" if newest else "nothing is built yet"
            return self._nothing(RoundState.IDLE, held)
        return Proposal(changes, Source(_origin(order)), order, pins)

    def _from_channel(
        self, unit: UnitOfWork, newest: ReleaseRecord | None, order: Order | None
    ) -> Proposal | RoundResult:
        here, there = self._policy.name, self._policy.from_channel
        source = releases.newest_release(unit.session, there, published=False)
        if source is None or source.published_at is None:
            return self._nothing(RoundState.WAITING, f"{there} has no release that is signed yet")
        mark = (source.number, newest.number if newest else 0)

        changes, pins = self._differences(mark, lambda: self._held_there(unit, newest, source.number))
        if not changes and order is None:
            return self._nothing(
                RoundState.IDLE, f"{here} already has the packages of release {source.number} of {there}"
            )
        return Proposal(changes, Source(_origin(order), there, source.number), order, pins)

    def _nothing(self, state: RoundState, message: str) -> RoundResult:
        return RoundResult(self._policy.name, state, message)

    def _new_builds(self, unit: UnitOfWork, newest: ReleaseRecord | None) -> tuple[Differences, Imports]:
        own = differences.from_builds(unit.session, self._policy.name)
        return own, self._importer.built(unit, newest, own)

    def _held_there(self, unit: UnitOfWork, newest: ReleaseRecord | None, number: int) -> tuple[Differences, Imports]:
        own = differences.from_channel(unit.session, self._policy.name, self._policy.from_channel)
        return own, self._importer.taken(unit, newest, self._policy.from_channel, number)

    def _ordered(self, unit: UnitOfWork, newest: ReleaseRecord | None, order: Order) -> Proposal:
        number, name = int(order.detail["number"]), self._policy.name
        if order.kind is OrderKind.ROLLBACK:
            here = newest.number if newest else 0
            own = releases.release_difference(unit.session, name, here, number)
            came_from, imports = name, self._importer.taken(unit, newest, name, number)
        else:
            own = _promoted(unit, name, newest, order)
            came_from = str(order.detail["from"])
            imports = self._importer.promoted(unit, newest, order, own)
        return Proposal(own | imports.changes, Source(_origin(order), came_from, number), order, imports.pins)

    def _differences(
        self, mark: object, ask: Callable[[], tuple[Differences, Imports]]
    ) -> tuple[Differences, tuple[ImportedRelease, ...]]:
        known = self._known
        if known is None or known.mark != mark:
            known = self._known = _Known(mark, *ask())
        return known.own | known.imports.changes, known.imports.pins


@dataclass(frozen=True, slots=True)
class _Known:
    """What the database contained when `mark` was taken."""

    mark: object
    own: Differences
    imports: Imports


_ORIGINS = {
    OrderKind.PROMOTE: CandidateOrigin.PROMOTION,
    OrderKind.ROLLBACK: CandidateOrigin.ROLLBACK,
    OrderKind.RETRY: CandidateOrigin.RETRY,
}


def _origin(order: Order | None) -> CandidateOrigin:
    return _ORIGINS[order.kind] if order else CandidateOrigin.COLLECTED


def _promoted(unit: UnitOfWork, channel: str, newest: ReleaseRecord | None, order: Order) -> Differences:
    """Return what an ordered promotion changes among a channel's own packages."""
    there = releases.release_set(unit.session, str(order.detail["from"]), int(order.detail["number"]))
    here = releases.release_set(unit.session, channel, newest.number) if newest else {}
    names = set(order.detail.get("packages") or ())
    moved = differences.between(here, there)
    return {name: moved[name] for name in moved if name in names} if names else moved
