"""The state after a ledger's entries: holds, freezes, pinned roots, and orders that may still be used. A value."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from farm.core.names.digest import Digest
from farm.errors import FarmError
from farm.signing.entries import (
    Begun,
    ChannelSeen,
    OrderTaken,
    Released,
    ReportOpened,
    RootPinned,
    Signing,
    TargetsSeen,
)
from farm.trust.attestation.approval import read_approval
from farm.trust.attestation.curator_order import PERMITS, TOLERANCE, Act, CuratorOrder, order_of, order_statement

if TYPE_CHECKING:
    from collections.abc import Mapping

    from farm.signing.entries import Entry

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")
_NOTHING: Mapping[Any, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class SignedChannelState:
    """The known release of a channel (None: none yet), and one that may have been signed after it."""

    number: int
    release: Digest | None
    keys: tuple[str, ...]
    coming: Signing | None = None


@dataclass(frozen=True, slots=True)
class Permit:
    """An order that permits what the signer may not sign without one; of a channel, until it is `used_by` a release."""

    taken: OrderTaken
    used_by: Digest | None = None

    @property
    def order(self) -> CuratorOrder:
        """The order itself."""
        return self.taken.order


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """The newest order by which a curator has withdrawn an approval, and its time."""

    order: Digest
    at: datetime


@dataclass(frozen=True, slots=True)
class LedgerState:
    """The state after an entry. It is immutable: `after` returns another.

    `holds` has the last order about a package of a channel, a hold or its end, by channel, distribution and package;
    `freezes` the same about a channel: before its first release the distribution is unknown, and orders of one
    distribution end none of another. Reports are by channel, number and package (the number is not signed), withdrawals
    of approvals by channel, package and curator; `withdrawn_orders` are the withdrawing orders, by channel and order,
    also of orders that have not arrived. `entered` has until when each order in the ledger is valid: none is entered
    twice.
    """

    root: RootPinned | None = None
    targets: TargetsSeen | None = None
    channels: Mapping[str, SignedChannelState] = field(default_factory=lambda: _NOTHING)
    holds: Mapping[tuple[str, str, str], CuratorOrder] = field(default_factory=lambda: _NOTHING)
    freezes: Mapping[tuple[str, str], CuratorOrder] = field(default_factory=lambda: _NOTHING)
    reports: Mapping[tuple[str, int, Digest], ReportOpened] = field(default_factory=lambda: _NOTHING)
    permits: Mapping[Digest, Permit] = field(default_factory=lambda: _NOTHING)
    entered: Mapping[Digest, datetime] = field(default_factory=lambda: _NOTHING)
    withdrawn: Mapping[tuple[str, Digest, str], Withdrawal] = field(default_factory=lambda: _NOTHING)
    withdrawn_orders: Mapping[tuple[str, Digest], CuratorOrder] = field(default_factory=lambda: _NOTHING)
    rolled_back: Mapping[str, frozenset[Digest]] = field(default_factory=lambda: _NOTHING)
    withdrawn_statements: Mapping[Digest, str] = field(default_factory=lambda: _NOTHING)
    """The person who withdrew each submission, by its digest. Also of submissions that are still unknown."""

    def after(self, entry: Entry, at: datetime) -> LedgerState:
        """Return the state after an entry that was written at this time of the signer's clock."""
        match entry:
            case RootPinned():
                state = replace(self, root=entry)
            case TargetsSeen():
                state = replace(self, targets=entry)
            case ChannelSeen():
                state = self._with_channel(entry.channel, SignedChannelState(entry.number, entry.release, entry.keys))
            case Signing():
                state = self._signing(entry)
            case Released():
                state = self._released(entry)
            case ReportOpened():
                state = replace(self, reports=_with(self.reports, entry.key, entry))
            case OrderTaken():
                state = self._ordered(entry, at)
            case Begun():
                state = self
        return state

    def held(self, channel: str, distribution: str, now: datetime) -> Mapping[str, CuratorOrder]:
        """Return the holds that are in force on a channel of a distribution, by package."""
        return {
            package: order
            for (where, whose, package), order in self.holds.items()
            if (where, whose) == (channel, distribution) and is_in_force(order, now)
        }

    def frozen(self, channel: str, distribution: str, now: datetime) -> CuratorOrder | None:
        """Return the freeze that is in force on a channel of a distribution."""
        order = self.freezes.get((channel, distribution))
        return order if order is not None and is_in_force(order, now) else None

    def reported(self, channel: str, package: Digest) -> ReportOpened | None:
        """Return an open report on a package of a channel."""
        return next(
            (report for report in self.reports.values() if (report.channel, report.package) == (channel, package)), None
        )

    def usable(self, channel: str, release: Digest, now: datetime) -> tuple[Permit, ...]:
        """Return the orders of a channel that this release may use: not used by another, withdrawn, or expired."""
        return tuple(
            permit
            for permit in self.permits.values()
            if permit.order.channel == channel
            and permit.used_by in (None, release)
            and now < permit.order.expires
            and self.withdrawal(permit.order) is None
        )

    def withdrawal(self, order: CuratorOrder) -> CuratorOrder | None:
        """Return the order that withdrew another one, if any."""
        return self.withdrawn_orders.get((order.channel, order.digest))

    def counts(self, approval: bytes, people: Mapping[str, str], distribution: str, now: datetime) -> bool:
        """Return whether an approval of one of `people` is for this distribution, not from the future, nor withdrawn.

        An approval that names the last withdrawal was given after it: times alone would depend on clocks. What is not
        an approval at all is left to its reader.
        """
        try:
            statement = read_approval(approval, people)
        except FarmError:
            return True
        if not statement.is_to(distribution) or (statement.at is not None and statement.at > now + TOLERANCE):
            return False
        withdrawn = self.withdrawn.get((statement.channel, statement.package, statement.curator))
        return withdrawn is None or statement.after == withdrawn.order

    def _with_channel(self, channel: str, standing: SignedChannelState) -> LedgerState:
        return replace(self, channels=_with(self.channels, channel, standing))

    def _signing(self, entry: Signing) -> LedgerState:
        # An earlier one that was about to be signed never was: else it would be the release here.
        before = self.channels.get(entry.channel) or SignedChannelState(0, None, entry.keys)
        return self._with_channel(entry.channel, replace(before, keys=entry.keys, coming=entry))

    def _released(self, entry: Released) -> LedgerState:
        before = self.channels[entry.channel]
        came = before.coming
        if came is None or came.release != entry.release:
            return self._with_channel(entry.channel, SignedChannelState(before.number, entry.release, before.keys))
        used = {
            order: replace(self.permits[order], used_by=came.release) for order in came.orders if order in self.permits
        }
        out = (self.rolled_back.get(entry.channel, frozenset()) - set(came.returned)) | set(came.rolled_back)
        return replace(
            self._with_channel(entry.channel, SignedChannelState(came.number, came.release, came.keys)),
            permits={**self.permits, **used},
            rolled_back=_with(self.rolled_back, entry.channel, out),
        )

    def _ordered(self, entry: OrderTaken, at: datetime) -> LedgerState:
        order, digest = entry.order, entry.order.digest
        known = {taken: until for taken, until in self.entered.items() if at < until}
        permits = {taken: permit for taken, permit in self.permits.items() if at < permit.order.expires}
        if order.act in PERMITS:
            permits[digest] = Permit(entry)
        state = replace(self, entered=known | {digest: order.expires}, permits=permits)
        apply = _ACTS.get(order.act)
        return apply(state, order) if apply else state

    def to_dict(self) -> dict[str, Any]:
        """Return the state as JSON values."""
        return {
            "root": self.root.to_dict() if self.root else None,
            "targets": self.targets.to_dict() if self.targets else None,
            "channels": {
                name: [
                    channel.number,
                    channel.release,
                    list(channel.keys),
                    channel.coming.to_dict() if channel.coming else None,
                ]
                for name, channel in self.channels.items()
            },
            "holds": [order_statement(hold) for hold in self.holds.values()],
            "freezes": [order_statement(freeze) for freeze in self.freezes.values()],
            "reports": [report.to_dict() for report in self.reports.values()],
            "permits": [[permit.taken.to_dict(), permit.used_by] for permit in self.permits.values()],
            "entered": {digest: until.isoformat() for digest, until in self.entered.items()},
            "withdrawn": [
                [*key, withdrawal.order, withdrawal.at.isoformat()] for key, withdrawal in self.withdrawn.items()
            ],
            "withdrawn-orders": [order_statement(order) for order in self.withdrawn_orders.values()],
            "withdrawn-statements": dict(self.withdrawn_statements),
            "rolled-back": {channel: sorted(digests) for channel, digests in self.rolled_back.items()},
        }

    @classmethod
    def from_dict(cls, form: Mapping[str, Any]) -> LedgerState:
        """Read the result of `to_dict`. Raises `KeyError`, `TypeError`, `ValueError`, `FarmError`."""
        holds = [order_of(hold) for hold in form["holds"]]
        reports = [ReportOpened.from_dict(report) for report in form["reports"]]
        permits = [Permit(OrderTaken.from_dict(taken), _digest(used)) for taken, used in form["permits"]]
        freezes, ended = map(order_of, form["freezes"]), map(order_of, form["withdrawn-orders"])
        return cls(
            root=RootPinned.from_dict(form["root"]) if form["root"] else None,
            targets=TargetsSeen.from_dict(form["targets"]) if form["targets"] else None,
            channels={
                name: SignedChannelState(
                    number, _digest(release), tuple(keys), Signing.from_dict(coming) if coming else None
                )
                for name, (number, release, keys, coming) in form["channels"].items()
            },
            holds={(hold.channel, hold.distribution, package): hold for hold in holds for package in hold.packages},
            freezes={(freeze.channel, freeze.distribution): freeze for freeze in freezes},
            reports={report.key: report for report in reports},
            permits={permit.order.digest: permit for permit in permits},
            entered={Digest(order): datetime.fromisoformat(until) for order, until in form["entered"].items()},
            withdrawn={
                (channel, Digest(package), curator): Withdrawal(Digest(order), datetime.fromisoformat(at))
                for channel, package, curator, order, at in form["withdrawn"]
            },
            withdrawn_orders={(order.channel, order.target): order for order in ended if order.target},
            withdrawn_statements={Digest(statement): by for statement, by in form["withdrawn-statements"].items()},
            rolled_back={name: frozenset(map(Digest, digests)) for name, digests in form["rolled-back"].items()},
        )


def _hold_or_lift(state: LedgerState, order: CuratorOrder) -> LedgerState:
    # Each package has an order of its own in the state, so that one of them can be released.
    where = order.channel, order.distribution
    one = {(*where, name): replace(order, packages={name: package}) for name, package in order.packages.items()}
    newest = {key: hold for key, hold in one.items() if key not in state.holds or state.holds[key].at <= hold.at}
    return replace(state, holds={**state.holds, **newest})


def _freeze_or_thaw(state: LedgerState, order: CuratorOrder) -> LedgerState:
    where = order.channel, order.distribution
    before = state.freezes.get(where)
    if before is not None and before.at > order.at:
        return state
    return replace(state, freezes=_with(state.freezes, where, order))


def _close(state: LedgerState, order: CuratorOrder) -> LedgerState:
    key = order.channel, order.number, order.target
    return replace(state, reports={other: report for other, report in state.reports.items() if other != key})


def _withdraw(state: LedgerState, order: CuratorOrder) -> LedgerState:
    keys = [(order.channel, package, order.curator) for package in order.packages.values() if package is not None]
    older = [key for key in keys if key not in state.withdrawn or state.withdrawn[key].at <= order.at]
    return replace(state, withdrawn={**state.withdrawn, **dict.fromkeys(older, Withdrawal(order.digest, order.at))})


def _withdraw_order(state: LedgerState, order: CuratorOrder) -> LedgerState:
    assert order.target is not None  # noqa: S101  (no such order is read without)
    # It may arrive before the order that it is about, and is kept for good: the expiry of that one is unknown.
    return replace(state, withdrawn_orders={(order.channel, order.target): order, **state.withdrawn_orders})


def _withdraw_submission(state: LedgerState, order: CuratorOrder) -> LedgerState:
    gone = {digest: order.curator for digest in order.packages.values() if digest is not None}
    return replace(state, withdrawn_statements={**gone, **state.withdrawn_statements})


_ACTS = {
    Act.HOLD: _hold_or_lift,
    Act.LIFT: _hold_or_lift,
    Act.FREEZE: _freeze_or_thaw,
    Act.THAW: _freeze_or_thaw,
    Act.CLOSE_REPORT: _close,
    Act.WITHDRAW_APPROVAL: _withdraw,
    Act.WITHDRAW_ORDER: _withdraw_order,
    Act.WITHDRAW_SUBMISSION: _withdraw_submission,
}


def is_in_force(order: CuratorOrder, now: datetime) -> bool:
    """Return whether the last order about something is a hold or freeze that has not ended."""
    return order.act in (Act.HOLD, Act.FREEZE) and (order.until is None or now < order.until)


def _with(mapping: Mapping[_Key, _Value], key: _Key, value: _Value) -> Mapping[_Key, _Value]:
    return {**mapping, key: value}


def _digest(text: str | None) -> Digest | None:
    return None if text is None else Digest(text)
