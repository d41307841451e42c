"""Checks what a release may do only by a person's order, against the orders in the signer's ledger.

A frozen channel releases nothing. A held package does not move, nor what moves with it. No package becomes older, and
nothing that a rollback removed returns, unless a valid order of this channel covers it that no other release has used.
The pipeline's own records of orders do not count here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.checker.orders.order_coverage import Coverage, Releases
from farm.checker.reading.refusal import Faults, RefusedReleaseError, check_each
from farm.errors import FarmError
from farm.trust.attestation.curator_order import Act, read_order

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from farm.checker.builds.outputs import Outputs
    from farm.checker.orders.version_moves import VersionChange
    from farm.core.names.digest import Digest
    from farm.signing.state import LedgerState, Permit
    from farm.store.blobs import BlobStore
    from farm.trust.attestation.curator_order import CuratorOrder
    from farm.trust.index.release_index import Release


class UnusableOrderError(RefusedReleaseError):
    """An order cannot be used by a release, or cannot be taken into the ledger."""

    code = "unusable-order"


@dataclass(frozen=True, slots=True)
class NamedPromotion:
    """The names in one order of promotion, and the packages that enter or leave by it."""

    names: frozenset[str]
    packages: frozenset[Digest]


@dataclass(frozen=True, slots=True)
class Permitted:
    """The orders that a release uses, and what they permit.

    `rolled_back` are packages that it removes by a rollback, `returned` those that return after one; `promoted` are
    those that enter or leave by an order of promotion, and need not soak; `alone` has such orders that name packages.
    `goes_back`: the release holds exactly what the release did to which a rollback was ordered.
    """

    orders: tuple[Digest, ...] = ()
    rolled_back: tuple[Digest, ...] = ()
    returned: tuple[Digest, ...] = ()
    promoted: frozenset[Digest] = frozenset()
    alone: tuple[NamedPromotion, ...] = ()
    goes_back: bool = False

    def is_alone(self, name: str, package: Digest | None, other: str) -> bool:
        """Return whether one order of promotion moves a package, by its name, and leaves another where it is."""
        return any(
            name in promotion.names and other not in promotion.names and package in promotion.packages
            for promotion in self.alone
        )

    def takes_out(self, package: Digest) -> bool:
        """Return whether a package leaves by a rollback or a promotion to a set without it."""
        return package in self.promoted or package in self.rolled_back


class Orders:
    """The orders for one release: `state` is that of the ledger, `people` are the public keys that count, by name."""

    def __init__(self, state: LedgerState, people: Mapping[str, str], blobs: BlobStore, now: datetime) -> None:
        self._state = state
        self._people = people
        self._releases = Releases(blobs)
        self._now = now

    def check(self, outputs: Outputs, moves: Sequence[VersionChange], named: Collection[Digest]) -> Permitted:
        """Return the orders that a release uses: those `named` that permit a move of it, and others that it needs.

        Raises `RefusedReleaseError`, which names the order that is missing.
        """
        release, previous = outputs.change.release, outputs.change.previous
        self._check_standing(release, moves)
        usable = self._usable(release, previous)
        for digest in named:
            if digest not in usable:
                raise UnusableOrderError(self._why_not(digest, release, previous), remedy=SIGN_AGAIN)
        coverage, faults = Coverage(self._releases, outputs, moves), Faults()
        # An order that permits no move of this release is not used up by it.
        used = {
            digest: usable[digest]
            for digest in named
            if any(coverage.lets_come(usable[digest], move) for move in moves)
        }
        back = self._state.rolled_back.get(release.channel, frozenset())
        for move in moves:
            if move.after is None or not (move.older_than or move.after in back):
                continue
            if not any(coverage.lets_come(order, move) for order in used.values()):
                found = next((digest for digest, order in usable.items() if coverage.lets_come(order, move)), None)
                with faults.of(move.name):
                    if found is None:
                        raise _unordered(release, move)
                    used[found] = usable[found]
        faults.check()
        permitted = self._permitted(used, release, coverage, back)
        self._check_held_along(outputs, moves, permitted)
        return permitted

    def _permitted(
        self, used: Mapping[Digest, CuratorOrder], release: Release, coverage: Coverage, back: Collection[Digest]
    ) -> Permitted:
        rollbacks = [order for order in used.values() if order.act is Act.ROLLBACK]
        promotions = [order for order in used.values() if order.act is Act.PROMOTE]
        out = {move.before for move in coverage.of(rollbacks) if move.before}
        came = {move.after for move in coverage.moves if move.after}
        return Permitted(
            tuple(sorted(used)),
            tuple(sorted(out)),
            tuple(sorted(came & set(back))),
            _packages(coverage.of(promotions)),
            tuple(
                NamedPromotion(frozenset(promotion.packages), _packages(coverage.of([promotion])))
                for promotion in promotions
                if promotion.packages
            ),
            any(
                rollback.target is not None and self._releases.hold_the_same(rollback.target, release)
                for rollback in rollbacks
            ),
        )

    def _check_standing(self, release: Release, moves: Iterable[VersionChange]) -> None:
        channel = release.channel
        if (freeze := self._state.frozen(channel, release.distribution, self._now)) is not None:
            until = f" until {freeze.until:%Y-%m-%d %H:%M} UTC" if freeze.until else ""
            raise RefusedReleaseError(
                f"{freeze.curator} has frozen {channel}{until}: {freeze.reason}",
                remedy=f"`farm channel thaw {channel}` lets it go on, also where the farm knows of no freeze.",
                code="frozen",
            )
        held = self._state.held(channel, release.distribution, self._now)

        def check(move: VersionChange) -> None:
            if (hold := held.get(move.name)) is not None:
                raise _held(hold, move.name, f"the release {move.effect}")

        check_each(moves, check)

    def _check_held_along(self, outputs: Outputs, moves: Iterable[VersionChange], permitted: Permitted) -> None:
        """Check that nothing moves that has to move with a held package, as outputs of one build do."""
        release = outputs.change.release
        held = self._state.held(release.channel, release.distribution, self._now)

        def check(move: VersionChange) -> None:
            for other in sorted(held.keys() & outputs.moving_with(move.name)):
                if not permitted.is_alone(move.name, move.after or move.before, other):
                    why = f"{move.name}, an output of the same build, may not move without it"
                    raise _held(held[other], other, why)

        check_each((move for move in moves if held and "/" not in move.name), check)

    def _usable(self, release: Release, previous: Release | None) -> dict[Digest, CuratorOrder]:
        # An order from before the first release may be for another distribution.
        return {
            permit.order.digest: permit.order
            for permit in self._state.usable(release.channel, release.digest, self._now)
            if permit.order.distribution == release.distribution
            and is_by_somebody(permit, self._people)
            and self._releases.is_ancestor(permit.order.base, previous)
        }

    def _why_not(self, digest: Digest, release: Release, previous: Release | None) -> str:
        permit = self._state.permits.get(digest)
        use = f"release {release.number} of {release.channel} is to use the order {digest}"
        if permit is None:
            return f"{use}, which is not in the ledger: it has expired, or was never brought"
        order = permit.order
        why = f"whose curator {order.curator} is not among the signed curators and operators, or has another key"
        if (order.distribution, order.channel) != (release.distribution, release.channel):
            why = f"which is for {order.channel} of {order.distribution[:100]}"
        elif permit.used_by not in (None, release.digest):
            why = f"which release {permit.used_by} has used already"
        elif (withdrawal := self._state.withdrawal(order)) is not None:
            why = f"which {withdrawal.curator} has withdrawn: {withdrawal.reason}"
        elif self._now >= order.expires:
            why = f"which expired at {order.expires:%Y-%m-%d %H:%M} UTC"
        elif not self._releases.is_ancestor(order.base, previous):
            why = f"which is based on {order.base}, and that is not an earlier release of this channel"
        return f"{use}, {why}"


def is_by_somebody(permit: Permit, people: Mapping[str, str]) -> bool:
    """Return whether one of these people, by name with public keys, has signed an order: permissions may have ended."""
    public = people.get(permit.order.curator)
    if public is None:
        return False
    try:
        return read_order(permit.taken.envelope.encode(), {permit.order.curator: public}) == permit.order
    except FarmError:
        return False


def _packages(moves: Iterable[VersionChange]) -> frozenset[Digest]:
    return frozenset(digest for move in moves if (digest := move.after or move.before))


def _held(hold: CuratorOrder, name: str, why: str) -> RefusedReleaseError:
    return RefusedReleaseError(
        f"{hold.curator} holds {name} on {hold.channel}, and {why}: {hold.reason}",
        remedy=f"`farm channel hold {hold.channel} {name} --lift` lets it move, also where the farm knows of no hold.",
        code="held",
    )


def _unordered(release: Release, move: VersionChange) -> RefusedReleaseError:
    why = f"it is older than {move.older_than}" if move.older_than else "a rollback removed it"
    return RefusedReleaseError(
        f"{move.label or move.name} enters {release.channel} without a curator's order, and {why}",
        remedy=f"`farm candidate retry {release.channel} {move.name}` orders it, or a promotion or rollback that has "
        "it; signed with the key of `farm keys me`, by one of the signed curators or operators.",
        code="unordered",
    )


SIGN_AGAIN = "Give the order again."
