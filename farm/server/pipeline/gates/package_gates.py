"""All gates of single packages of a channel: asked about added and removed packages, and once more at the end."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from farm.core.policy.channel import parted
from farm.core.policy.gate_kind import GateKind
from farm.server.curation import orders
from farm.server.curation.order_intake import signature_of
from farm.server.curation.ordering import held_among
from farm.server.pipeline.gates.dependents import Dependents
from farm.server.pipeline.gates.gate_result import HeldBack, PackageGateResult, held_back
from farm.server.pipeline.gates.soak import OpenReports, Soak
from farm.server.pipeline.gates.standing_gates import Older, Refused, RolledBack
from farm.server.tables.pipeline_states import CandidateOrigin, ChangeState

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from farm.core.names.digest import Digest
    from farm.core.policy.channel import ChannelPolicy, Transition
    from farm.server.channels.candidates import Source
    from farm.server.channels.differences import Differences
    from farm.server.curation.orders import Order
    from farm.server.pipeline.candidates.collect import Proposal
    from farm.server.pipeline.gates.gate_result import CandidateContext, PackageGate
    from farm.server.pipeline.members.members import MemberCache
    from farm.server.tables.records import Package
    from farm.server.transaction.unit_of_work import UnitOfWork

_IN_THE_NEXT = PackageGateResult(
    "waiting", "it passed its gates while this candidate was tested", "It will be in the next candidate."
)
_DECIDED_LATER = (GateKind.REPRODUCED, GateKind.SOAK, GateKind.APPROVALS)
_SKIPPED_BY_PROMOTIONS = (GateKind.ROLLED_BACK, GateKind.OLDER)


class PackageGates:
    """The gates of one channel. A rollback passes none of them, but changes no package that a curator holds."""

    def __init__(
        self,
        policy: ChannelPolicy,
        gates: Sequence[PackageGate],
        cache: MemberCache,
    ) -> None:
        self._channel = policy.name
        self._policy = policy
        self._gates = (RolledBack(), *gates)
        self._cache = cache

    def held_back(self, unit: UnitOfWork, proposal: Proposal) -> dict[str, HeldBack]:
        """Return the packages that may not be added or removed, by name; a promotion does not wait for the soak."""
        if proposal.source.is_rollback:
            return {}
        return self._held(unit, proposal.source, proposal.order, proposal.changes)

    def is_rolled_back(self, unit: UnitOfWork, proposal: Proposal) -> bool:
        """Return whether a rollback keeps any of these packages unchanged."""
        return bool(self._ask(unit, [RolledBack()], proposal.changes.values()))

    def before_release(
        self, unit: UnitOfWork, coming: Sequence[Package]
    ) -> tuple[dict[str, HeldBack], tuple[GateKind, ...]]:
        """Return which of these packages the gates would hold back whenever they came, by name.

        Also returns the gates left out: they depend on time, on people, or on builds that a candidate requests.
        """
        asked = [Older(frozenset()), *(gate for gate in self._gates if gate.kind not in _DECIDED_LATER)]
        later = tuple(gate.kind for gate in self._gates if gate.kind in _DECIDED_LATER)
        return held_back(unit, self._channel, asked, coming), later

    def held_now(self, unit: UnitOfWork, context: CandidateContext) -> Mapping[str, HeldBack] | None:
        """Ask the gates again; None if a gate now holds back a package that it had let pass."""
        candidate = context.candidate
        changes = {change.name: (change.before, change.after) for change in context.changes}
        if candidate.source.is_rollback:
            return None if held_among(unit, self._channel, changes) else {}
        held = self._held(unit, candidate.source, orders.order_of(unit.session, candidate.id), changes)
        waiting = {change.name for change in context.changes if change.state is ChangeState.WAITING}
        if held.keys() - waiting:
            return None
        # Packages that have passed since then wait for the next candidate.
        return held | {name: HeldBack(name, GateKind.NEXT, _IN_THE_NEXT) for name in waiting - held.keys()}

    def _held(self, unit: UnitOfWork, source: Source, order: Order | None, changes: Differences) -> dict[str, HeldBack]:
        held = self._ask(unit, self._gates_for(unit, source, order), changes.values())
        return self._parted(changes, source, order) | held

    def _parted(self, moving: Collection[str], source: Source, order: Order | None) -> dict[str, HeldBack]:
        """Return the packages held back because others of their transition stay; a promotion may name one alone."""
        transitions: Sequence[Transition] = self._policy.transitions
        if source.origin is CandidateOrigin.PROMOTION and (named := _named(order)):
            transitions = [
                replace(transition, packages=tuple(filter(named.__contains__, transition.packages)))
                for transition in transitions
            ]
        return {
            name: HeldBack(name, GateKind.TRANSITION, _waits_for(self._channel, *others[0]))
            for name, others in parted(transitions, moving).items()
        }

    def _gates_for(self, unit: UnitOfWork, source: Source, order: Order | None) -> list[PackageGate]:
        """Return the gates to ask. A promotion skips the soak, an earlier rollback, and newer versions.

        It does not skip open reports, which the curator may not know of. Packages that an order names may go on without
        their dependents. For packages that a retry names, `rolled-back` decides by itself.
        """
        is_promotion = source.origin is CandidateOrigin.PROMOTION
        skipped = _SKIPPED_BY_PROMOTIONS if is_promotion else ()
        named = _named(order)
        signed = named if order and signature_of(unit, order.id) else frozenset()
        # An order without names has the signer asked about all packages, too.
        own: list[PackageGate] = [Older(signed), *([Refused(named)] if named or order is None else [])]
        gates = [
            OpenReports(gate.from_channel) if is_promotion and isinstance(gate, Soak) else gate for gate in self._gates
        ]
        asked = [gate for gate in (*own, *gates) if gate.kind not in skipped]
        return asked if self._policy.from_channel else [*asked, Dependents(named)]

    def _ask(
        self, unit: UnitOfWork, gates: Sequence[PackageGate], changes: Iterable[tuple[Digest | None, Digest | None]]
    ) -> dict[str, HeldBack]:
        """Ask gates about added and removed packages, by descriptor before and after; own and imported ones alike."""
        coming, going = [], []
        for before, after in changes:
            if after is not None:
                coming.append(self._cache.package(unit, after))
            elif before is not None:
                going.append(self._cache.package(unit, before))
        return held_back(unit, self._channel, gates, coming, going)


def _named(order: Order | None) -> frozenset[str]:
    return frozenset(order.detail.get("packages", ())) if order else frozenset()


def _waits_for(channel: str, transition: Transition, other: str) -> PackageGateResult:
    return PackageGateResult(
        "waiting",
        f"the transition {transition.name} of {channel} requires {other} to change in the same release, and there is "
        f"no new {other}",
        f"Provide a new {other} too, or have a policy of {channel} signed without the transition.",
    )
