"""Curators' orders to the pipeline of a channel: promote, roll back, retry; each with its audit row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from farm.server.channels import candidates, excuses, releases
from farm.server.channels.channel_checks import (
    AlreadyError,
    CurationError,
    NotInQuestionError,
    neighbours,
    newest_of,
    not_held,
    own_name,
    policy_of,
    reason_of,
)
from farm.server.curation import holds, orders, signed_orders
from farm.server.curation.order_intake import NO_LEDGER, RequestedOrder, may_order, signature_of, take_signed
from farm.server.identities.access import audit
from farm.server.tables.pipeline_states import CandidateState, OrderEnding, OrderKind
from farm.server.transaction.text import truncate_text
from farm.trust.attestation.curator_order import Act
from farm.trust.layout import ADVISORIES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from farm.core.names.digest import Digest
    from farm.server.curation.order_intake import Signature
    from farm.server.curation.orders import Order
    from farm.server.identities.access import Actor
    from farm.server.transaction.unit_of_work import UnitOfWork


def promote(
    unit: UnitOfWork,
    actor: Actor,
    channel: str,
    *,
    origin: str,
    packages: Sequence[str] = (),
    why: str = "",
    envelope: bytes | None = None,
) -> Order:
    """Order that packages of the newest release of `origin`, all or some, enter the gates of a channel."""
    _check_origin(unit, channel, origin)
    newest = newest_of(unit, origin)
    names = sorted({own_name(unit, package) for package in packages})
    offered = releases.release_set(unit.session, origin, newest.number)
    for name in names:
        if name not in offered:
            raise not_held(newest, name, offered)
    target = releases.newest_release(unit.session, channel)
    there = releases.release_set(unit.session, channel, target.number) if target else {}
    same = all(there.get(name) == offered[name] for name in names) if names else there == offered
    if target and same:
        what, older = ", ".join(names) or "everything", f"{origin} release {newest.number}"
        raise AlreadyError(f"{channel} release {target.number} holds {what} of {older} already")
    detail = {"from": origin, "number": newest.number, "packages": names}
    order = _order(unit, actor, channel, kind=OrderKind.PROMOTE, detail=detail, reason=truncate_text(why.strip()))
    wanted = RequestedOrder(
        act=Act.PROMOTE,
        channel=channel,
        packages=dict.fromkeys(names),
        reason=why,
        target=newest.digest,
        origin=origin,
    )
    take_signed(unit, wanted, envelope, order_id=order.id)
    return order


def _check_origin(unit: UnitOfWork, channel: str, origin: str) -> None:
    """Raise `CurationError` unless a channel takes its packages from the channel `origin`."""
    source = policy_of(unit, channel).get("from", "")
    policy_of(unit, origin)
    if source != origin:
        takes = f"packages from {source}" if source else "fresh builds"
        other = f"Promote from {source}." if source else f"`from` in {channel}.yaml says where packages come from."
        raise CurationError(f"{channel} takes {takes}, not packages from {origin}", remedy=other)


def rollback(
    unit: UnitOfWork, actor: Actor, channel: str, number: int, *, why: str, envelope: bytes | None = None
) -> Order:
    """Order a new release of a channel with the packages of an older one."""
    policy_of(unit, channel)
    newest = newest_of(unit, channel)
    reason = reason_of(why)
    if number == newest.number:
        raise AlreadyError(f"release {number} is the newest of {channel}", remedy="Name an earlier one.")
    old = releases.release(unit.session, channel, number)
    if old is None or old.published_at is None:
        raise CurationError(
            f"{channel} has no release {number}" if old is None else f"{channel} release {number} is not signed yet",
            remedy=f"See `farm release list {channel}`.",
        )
    changed = releases.release_difference(unit.session, channel, number, newest.number)
    if not changed:
        raise AlreadyError(f"release {newest.number}, the newest of {channel}, holds what release {number} does")
    if in_the_way := held_among(unit, channel, changed):
        who, lifting = in_the_way
        raise NotInQuestionError(
            f"going back to release {number} would change what is held: {who}",
            remedy=f"{lifting}; then order it again.",
        )
    order = _order(unit, actor, channel, kind=OrderKind.ROLLBACK, detail={"number": number}, reason=reason)
    wanted = RequestedOrder(act=Act.ROLLBACK, channel=channel, reason=why, target=old.digest)
    take_signed(unit, wanted, envelope, order_id=order.id)
    return order


def held_among(unit: UnitOfWork, channel: str, names: Iterable[str]) -> tuple[str, str] | None:
    """Return who holds the first held package among these, and how to lift the hold; None if none is held."""
    found = holds.holds_on(unit.session, channel, names, now=unit.now)
    if not found:
        return None
    first = found[min(found)]
    who = f"{first.held_by} holds {first.package} on {channel}: {first.reason}"
    return who, f"`farm channel hold {channel} {first.package} --lift` lets it go on"


def retry(
    unit: UnitOfWork,
    actor: Actor,
    channel: str,
    *,
    packages: Sequence[str] = (),
    why: str = "",
    envelope: bytes | None = None,
) -> Order:
    """Order a retry of what is held back on a channel, or of some packages: failed tests run again.

    A signed order also admits the packages that it names although they are older or were rolled back; anything else
    needs no signature.
    """
    policy_of(unit, channel)
    standing = excuses.open_excuses(unit.session, channel)
    if not standing:
        raise NotInQuestionError(f"nothing is held back on {channel}", remedy=f"See `farm channel show {channel}`.")
    held = {excuse.excuse.package for excuse in standing} - {""}
    names = sorted({own_name(unit, package) for package in packages})
    for name in names:
        if name not in held:
            whole = f"All of the candidate is held back: `farm candidate retry {channel}`."
            remedy = neighbours(name, held) if held else whole
            raise NotInQuestionError(f"{name[:100]} is not held back on {channel}", remedy=remedy)
    order = _order(
        unit, actor, channel, kind=OrderKind.RETRY, detail={"packages": names}, reason=truncate_text(why.strip())
    )
    if envelope is not None and may_order(unit, envelope):
        signed = {excuse.excuse.package: excuse.excuse.digest for excuse in standing if excuse.excuse.package in names}
        wanted = RequestedOrder(act=Act.RETRY, channel=channel, packages=signed, reason=why)
        take_signed(unit, wanted, envelope, order_id=order.id)
    return order


def withdraw_order(
    unit: UnitOfWork, actor: Actor, channel: str, number: int, *, why: str, envelope: bytes | None = None
) -> Order:
    """Withdraw an order that is not done, and its candidate. Needs a planning transaction.

    A signed order stays valid for the signer until a signed withdrawal, even if it ended without a release.
    Raises `AlreadyError` if a release has used the order, or its release is with the signer, or it no longer counts
    anywhere; `CurationError`, and as `take_signed`.
    """
    policy_of(unit, channel)
    reason = reason_of(why)
    known = orders.order(unit.session, number)
    if known is None or known.channel != channel:
        raise NotInQuestionError(f"{channel} has no order {number}", remedy=f"See `farm channel order list {channel}`.")
    signature = signature_of(unit, number)
    if known.done_at is not None and not _counts_with_signer(unit, known, signature):
        raise AlreadyError(f"order {number} is done: {known.outcome}")
    newest = releases.newest_release(unit.session, channel, published=False)
    if newest and newest.published_at is None and known.candidate_id == newest.candidate_id is not None:
        raise AlreadyError(
            f"release {newest.number}, which order {number} asks for, is with the signer",
            remedy=f"Go back with `farm channel rollback {channel}` once it is signed.",
        )
    if known.done_at is None:
        _give_up(unit, known, f"{OrderEnding.WITHDRAWN} by {actor.name}: {reason}")
    if signature is not None:
        wanted = RequestedOrder(act=Act.WITHDRAW_ORDER, channel=channel, reason=why, target=signature.given.digest)
        take_signed(unit, wanted, envelope, order_id=number)
    summary = f"{known.summary}: {reason}"
    audit(unit, actor, "withdraw-order", f"channel {channel}, order {number}", summary, channel=channel)
    return orders.order(unit.session, number) or known


def withdraw_with_signer(
    unit: UnitOfWork, actor: Actor, channel: str, digest: Digest, *, why: str, envelope: bytes | None = None
) -> None:
    """Have the signer reject an order from now on, also one that this farm does not know.

    Raises `CurationError` for an order that waits here: that is withdrawn by its number.
    """
    if channel != ADVISORIES:  # orders about no channel
        policy_of(unit, channel)
    reason = reason_of(why)
    kept_here = signed_orders.signed_order(unit.session, digest)
    number = kept_here.order_id if kept_here and kept_here.channel == channel else None
    known = orders.order(unit.session, number) if number is not None else None
    if known is not None and known.done_at is None:
        raise CurationError(
            f"that is order {number} here, which waits",
            remedy=f"`farm channel order withdraw {channel} {number} --why TEXT` ends both.",
        )
    wanted = RequestedOrder(act=Act.WITHDRAW_ORDER, channel=channel, reason=why, target=digest)
    if take_signed(unit, wanted, envelope, order_id=number) is None:
        raise CurationError(NO_LEDGER)
    audit(unit, actor, "withdraw-order", f"channel {channel}, {digest}", f"with the signer: {reason}", channel=channel)


def _counts_with_signer(unit: UnitOfWork, order: Order, signature: Signature | None) -> bool:
    """Return whether the signer would still let a release use an order that ended here without one."""
    return (
        order.ending is not OrderEnding.RELEASED
        and signed_orders.who_orders(unit.session) is not None
        and signature is not None
        and signature.withdrawal is None
        and unit.now < signature.expires
    )


def _give_up(unit: UnitOfWork, order: Order, outcome: str) -> None:
    orders.finish_order(
        unit.session,
        order.id,
        candidate_id=order.candidate_id,
        ending=OrderEnding.WITHDRAWN,
        outcome=outcome,
        now=unit.now,
    )
    if order.candidate_id is not None:
        given_up = f"order {order.id} was {outcome}"
        candidates.decide(unit.session, order.candidate_id, CandidateState.SUPERSEDED, reason=given_up, now=unit.now)


def _order(
    unit: UnitOfWork, actor: Actor, channel: str, *, kind: OrderKind, detail: dict[str, Any], reason: str
) -> Order:
    for waiting in orders.open_orders(unit.session, channel):
        asked = {key: value for key, value in waiting.detail.items() if key != "along"}  # added by the pipeline
        if waiting.kind is kind and asked == detail:
            raise AlreadyError(f"order {waiting.id} of {waiting.ordered_by} asks for the same and is not done yet")
    order = orders.add_order(
        unit.session, channel, kind, detail=detail, reason=reason, ordered_by=actor.name, now=unit.now
    )
    summary = f"{order.summary}: {reason}".rstrip(": ")
    audit(unit, actor, kind, f"channel {channel}, order {order.id}", summary, channel=channel)
    return order
