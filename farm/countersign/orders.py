"""What only a person may let a release do, held against the orders in the signer's ledger.

A frozen channel releases nothing, and what is held does not move, nor what moves with it. A package does not become
older, and nothing that a rollback took out comes back, unless an order covers it that is good now, of this channel, and
not used by another release. Whatever the pipeline says of orders makes none of these.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from farm.countersign.refusal import Faults, RefusedReleaseError
from farm.errors import FarmError
from farm.trust.curator_order import EVERY_CHANNEL, NO_RELEASE, TOLERANCE, Act, CuratorOrderError, read_order
from farm.trust.imports import imported_descriptors
from farm.trust.index_tree import IndexTree, difference
from farm.trust.needed import needed_in
from farm.trust.release_index import Release

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from farm.blobs import BlobStore
    from farm.countersign.moves import Move
    from farm.countersign.outputs import Outputs
    from farm.ledger.state import LedgerState, Permit
    from farm.names import Digest
    from farm.plan import BlobRef
    from farm.trust.curator_order import CuratorOrder
    from farm.trust.release_index import ReleaseEntry


class FrozenChannelError(RefusedReleaseError):
    """A curator has frozen the channel."""

    code = "frozen"


class HeldPackageError(RefusedReleaseError):
    """A release changes, adds or drops a package that a curator holds, or one that moves with it."""

    code = "held"


class UnorderedError(RefusedReleaseError):
    """A release does what only a curator's order lets it do, and there is none that is good."""

    code = "unordered"


class UnusableOrderError(RefusedReleaseError):
    """An order that a release is to use, or that is brought, is not good for it."""

    code = "unusable-order"


@dataclass(frozen=True, slots=True)
class Permitted:
    """Which orders a release uses, and what comes of that.

    `rolled_back` are packages that it takes out by a rollback, `returned` those that come back after one; `promoted`
    are those that come, or go, by an order of promotion, so that they need not soak; `named` are the names that each
    such order names, where it is not for all. `goes_back`: it holds what the release did to which a rollback was
    ordered, all of it and nothing else.
    """

    orders: tuple[Digest, ...] = ()
    rolled_back: tuple[Digest, ...] = ()
    returned: tuple[Digest, ...] = ()
    promoted: frozenset[Digest] = frozenset()
    named: tuple[frozenset[str], ...] = ()
    goes_back: bool = False

    def is_alone(self, name: str, package: Digest | None, other: str) -> bool:
        """Say whether an order of promotion moves a package, by its name, and leaves another where it is."""
        return package in self.promoted and any(name in names and other not in names for names in self.named)

    def takes_out(self, package: Digest) -> bool:
        """Say whether a package goes because a rollback or a promotion was ordered to a set without it."""
        return package in self.promoted or package in self.rolled_back


class Orders:
    """The orders for one release: `state` is that of the ledger, `people` are the public keys that count, by name."""

    def __init__(self, state: LedgerState, people: Mapping[str, str], blobs: BlobStore, now: datetime) -> None:
        self._state = state
        self._people = people
        self._releases = Releases(blobs)
        self._now = now

    def check(self, outputs: Outputs, moves: Sequence[Move], named: Collection[Digest]) -> Permitted:
        """Return the orders that a release uses: those that it is said to (`named`), and those that it needs.

        Raises `RefusedReleaseError`, saying which order is missing.
        """
        release, previous = outputs.change.release, outputs.change.previous
        self._check_standing(release, moves)
        usable = self._usable(release, previous)
        for digest in named:
            if digest not in usable:
                raise UnusableOrderError(self._why_not(digest, release, previous), remedy=_AGAIN)
        used = {digest: usable[digest] for digest in named}
        back = self._state.rolled_back.get(release.channel, frozenset())
        faults = Faults()
        for move in moves:
            if move.after is None or not (move.older_than or move.after in back):
                continue
            if not any(self._lets_come(each, move, outputs) for each in used.values()):
                found = next((digest for digest, each in usable.items() if self._lets_come(each, move, outputs)), None)
                with faults.of(move.name):
                    if found is None:
                        raise _unordered(release, move)
                    used[found] = usable[found]
        faults.check()
        permitted = self._permitted(used, release, moves, back)
        self._check_held_along(outputs, moves, permitted)
        return permitted

    def _permitted(
        self, used: Mapping[Digest, CuratorOrder], release: Release, moves: Iterable[Move], back: Collection[Digest]
    ) -> Permitted:
        rollbacks = [each for each in used.values() if each.act is Act.ROLLBACK]
        promotions = [each for each in used.values() if each.act is Act.PROMOTE]
        out = {
            move.before
            for move in moves
            if move.before and any(self._covers(each, move, release) for each in rollbacks)
        }
        came = {move.after: move for move in moves if move.after}
        return Permitted(
            tuple(sorted(used)),
            tuple(sorted(out)),
            tuple(sorted(came.keys() & set(back))),
            frozenset(
                digest
                for move in moves
                if (digest := move.after or move.before)
                and any(self._covers(each, move, release) for each in promotions)
            ),
            tuple(frozenset(each.packages) for each in promotions if each.packages),
            any(each.target is not None and self._releases.hold_the_same(each.target, release) for each in rollbacks),
        )

    def _check_standing(self, release: Release, moves: Iterable[Move]) -> None:
        channel = release.channel
        if (freeze := self._state.frozen(channel, self._now)) is not None:
            until = f" until {freeze.until:%Y-%m-%d %H:%M} UTC" if freeze.until else ""
            raise FrozenChannelError(
                f"{freeze.curator} has frozen {channel}{until}: {freeze.reason}",
                remedy=f"`farm thaw {channel}` lets it go on, also where the farm knows of no freeze.",
            )
        held, faults = self._state.held(channel, self._now), Faults()
        for move in moves:
            if (hold := held.get(move.name)) is None:
                continue
            with faults.of(move.name):
                raise _held(hold, move.name, f"the release {move.deed}")
        faults.check()

    def _check_held_along(self, outputs: Outputs, moves: Iterable[Move], permitted: Permitted) -> None:
        """See that nothing moves that would have to move with what is held, as outputs of one build do."""
        held, faults = self._state.held(outputs.change.release.channel, self._now), Faults()
        for move in moves if held else ():
            if "/" in move.name:
                continue
            with faults.of(move.name):
                for other in sorted(held.keys() & outputs.moving_with(move.name)):
                    if not permitted.is_alone(move.name, move.after or move.before, other):
                        told = f"{move.name}, an output of the same build, may not move without it"
                        raise _held(held[other], other, told)
        faults.check()

    def _usable(self, release: Release, previous: Release | None) -> dict[Digest, CuratorOrder]:
        found = {}
        for permit in self._state.usable(release.channel, release.digest, self._now):
            if is_by_somebody(permit, self._people) and self._releases.is_ancestor(permit.order.base, previous):
                found[permit.order.digest] = permit.order
        return found

    def _lets_come(self, order: CuratorOrder, move: Move, outputs: Outputs) -> bool:
        """Say whether an order lets a package come, by itself or with what its build put out besides."""
        if order.act is not Act.RETRY or "/" in move.name or self._covers(order, move, outputs.change.release):
            return self._covers(order, move, outputs.change.release)
        return any(outputs.are_of_one_build(move.name, name, package) for name, package in order.packages.items())

    def _covers(self, order: CuratorOrder, move: Move, release: Release) -> bool:
        """Say whether an order is for this very change: it names, or its release has, what comes of the package."""
        if order.act is Act.RETRY:
            return move.after is not None and order.packages.get(move.name) == move.after
        if order.target is None:
            return False
        if order.packages and move.name not in order.packages and not self._comes_along(order, move, release):
            return False
        channel = order.channel if order.act is Act.ROLLBACK else order.origin
        return self._releases.holds(order.target, channel, move.name, move.after)

    def _comes_along(self, order: CuratorOrder, move: Move, release: Release) -> bool:
        """Say whether a package of others comes with one that is promoted, which needs it in the release.

        That it goes, or becomes older, has to be ordered by its name, or with all the rest.
        """
        if order.act is not Act.PROMOTE or "/" not in move.name or move.after is None or move.older_than:
            return False
        return move.name in self._releases.needed(release, frozenset(order.packages))

    def _why_not(self, digest: Digest, release: Release, previous: Release | None) -> str:
        permit = self._state.permits.get(digest)
        told = f"release {release.number} of {release.channel} is to use the order {digest}"
        if permit is None:
            return f"{told}, and the ledger has none such: it has expired, or was never brought"
        order = permit.order
        why = f"and {order.curator} is not among the signed curators and operators, or has another key"
        if order.channel != release.channel:
            why = f"which is one to {order.channel}"
        elif permit.used_by not in (None, release.digest):
            why = f"which release {permit.used_by} has used already"
        elif (withdrawal := self._state.withdrawal(order)) is not None:
            why = f"which {withdrawal.curator} has withdrawn: {withdrawal.reason}"
        elif self._now >= order.expires:
            why = f"which was good until {order.expires:%Y-%m-%d %H:%M} UTC"
        elif not self._releases.is_ancestor(order.base, previous):
            why = f"which was given on {order.base}, and that is no release before this one"
        return f"{told}, {why}"


def is_by_somebody(permit: Permit, people: Mapping[str, str]) -> bool:
    """Say whether one of these people, by name with public keys, has signed an order: who could once may not now."""
    public = people.get(permit.order.curator)
    if public is None:
        return False
    try:
        return read_order(permit.taken.envelope.encode(), {permit.order.curator: public}) == permit.order
    except FarmError:
        return False


def check_brought(
    envelope: bytes,
    people: Mapping[str, str],
    *,
    newest: Callable[[str], Release | None],
    blobs: BlobStore,
    now: datetime,
) -> CuratorOrder:
    """Return an order that may be taken into the ledger; `newest` gives the newest release of a channel.

    Raises `CuratorOrderError`, `InvalidEnvelopeError`, `UnusableOrderError`.
    """
    order = read_order(envelope, people)
    current = newest(order.channel) if order.channel != EVERY_CHANNEL else None
    releases = Releases(blobs)
    if current is not None and order.distribution != current.distribution:
        raise CuratorOrderError(f"it is one to {order.distribution[:100]}, and this is {current.distribution}")
    if now >= order.expires:
        raise UnusableOrderError(f"{order.told} was good until {order.expires:%Y-%m-%d %H:%M} UTC", remedy=_AGAIN)
    if order.at > now + TOLERANCE:
        raise UnusableOrderError(f"{order.told} is of {order.at:%Y-%m-%d %H:%M} UTC, which is to come", remedy=_AGAIN)
    if not releases.is_ancestor(order.base, current):
        raise UnusableOrderError(
            f"{order.told} was given on the release {order.base}, which is neither the newest of {order.channel} nor "
            "one before it",
            remedy=_AGAIN,
        )
    if order.act in (Act.ROLLBACK, Act.PROMOTE):
        _check_target(order, newest(order.origin or order.channel), releases)
    return order


def _check_target(order: CuratorOrder, newest: Release | None, releases: Releases) -> None:
    """See that there was the release that an order is about: whoever gave it knows it from the farm alone."""
    if order.target in (None, NO_RELEASE) or not releases.is_ancestor(order.target, newest):
        raise UnusableOrderError(
            f"{order.told} is about the release {order.target}, which {order.origin or order.channel} never had",
            remedy=_AGAIN,
        )


class Releases:
    """Releases as blobs, which are what their digests say: whose ancestor each is, and what it holds."""

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs
        self._read = lru_cache(256)(self._read_release)
        self._tree = lru_cache(8)(lambda index: IndexTree(self._blob, index))
        self.needed = lru_cache(8)(lambda release, names: needed_in(release, self._tree(release.index), names))

    def is_ancestor(self, base: Digest, newest: Release | None) -> bool:
        """Say whether `base` is the newest release of a channel, or one before it. What there was before all is so."""
        if base == NO_RELEASE:
            return True
        earlier = self._found(base)
        if earlier is None or newest is None or earlier.channel != newest.channel:
            return False
        release: Release | None = newest
        while release is not None and release.number > earlier.number:
            release = self._found(release.previous) if release.previous else None
        return release is not None and release.digest == base

    def holds(self, digest: Digest, channel: str, name: str, package: Digest | None) -> bool:
        """Say whether a release of a channel holds a package of a name as this one; None: whether it is without."""
        release = self._found(digest)
        if release is None or release.channel != channel:
            return False
        if "/" in name:
            return imported_descriptors(release.imports).get(name) == package
        entry = self._tree(release.index).entry(name)
        return (entry.descriptor.digest if entry else None) == package

    def hold_the_same(self, digest: Digest, release: Release) -> bool:
        """Say whether a release of the same channel holds the very packages of another, and says the same of them.

        But for who has built them again since, and which tests have run: that is looked at wherever an entry differs.
        """
        other = self._found(digest)
        if other is None or other.channel != release.channel:
            return False
        if imported_descriptors(other.imports) != imported_descriptors(release.imports):
            return False
        found, tree = difference(self._blob, other.index, release.index), self._tree(other.index)
        as_before = (_but_for_others(tree.entry(each.name)) == _but_for_others(each) for each in found.put)
        return not found.removed and all(as_before)

    def _found(self, digest: Digest) -> Release | None:
        try:
            return self._read(digest)
        except FarmError:
            return None

    def _read_release(self, digest: Digest) -> Release:
        return Release.from_json(self._blobs.read(digest))

    def _blob(self, blob: BlobRef) -> bytes:
        return self._blobs.read(blob.digest)


def _but_for_others(entry: ReleaseEntry | None) -> ReleaseEntry | None:
    return replace(entry, rebuilds=(), tests=None) if entry else None


def _held(hold: CuratorOrder, name: str, told: str) -> HeldPackageError:
    return HeldPackageError(
        f"{hold.curator} holds {name} on {hold.channel}, and {told}: {hold.reason}",
        remedy=f"`farm hold {hold.channel} {name} --lift` lets it move, also where the farm knows of no hold.",
    )


def _unordered(release: Release, move: Move) -> UnorderedError:
    why = f"it is older than {move.older_than}" if move.older_than else "a rollback took it out"
    return UnorderedError(
        f"{move.label or move.name} comes to {release.channel} by no curator's order, and {why}",
        remedy=f"`farm candidate retry {release.channel} {move.name}` orders it, or a promotion or rollback that has "
        "it; signed with the key of `farm keys me`, by one of the signed curators or operators.",
    )


_AGAIN = "Give the order again."
