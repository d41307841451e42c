"""What curators decide about a channel: freeze it, hold a package, report trouble; each with its audit row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.server.channels import candidates, releases
from farm.server.channels.channel_checks import (
    AlreadyError,
    CurationError,
    NotInQuestionError,
    in_the_future,
    neighbours,
    newest_of,
    not_held,
    own_name,
    policy_of,
    reason_of,
)
from farm.server.channels.releases import Freeze
from farm.server.curation import holds, reports, signed_orders
from farm.server.curation.order_intake import RequestedOrder, take_signed
from farm.server.federation import imported
from farm.server.identities.access import audit
from farm.server.recipes import recipes
from farm.trust.attestation.curator_order import Act

if TYPE_CHECKING:
    from datetime import datetime

    from farm.core.names.digest import Digest
    from farm.server.curation.holds import Hold
    from farm.server.curation.reports import Report
    from farm.server.identities.access import Actor
    from farm.server.transaction.unit_of_work import UnitOfWork


_WITH_SIGNER = (
    "Where the signer has one of this number open all the same: `farm channel report CHANNEL --resolve NUMBER "
    "--descriptor DIGEST`, with the descriptor that the signer's refusal names."
)
_ONLY_THERE = "at the signer only: this farm had no record of it"


def freeze(
    unit: UnitOfWork,
    actor: Actor,
    channel: str,
    *,
    why: str,
    until: datetime | None = None,
    replace: bool = False,
    envelope: bytes | None = None,
) -> Freeze:
    """Freeze a channel, so that it publishes nothing, until a time or until it is thawed.

    Raises `AlreadyError` if it is frozen, unless this freeze is to `replace` that one.
    """
    policy_of(unit, channel)
    order = Freeze(unit.now, reason_of(why), actor.name, in_the_future(unit, until))
    standing = releases.frozen(unit.session, channel, now=unit.now)
    detail = _with_end(order.why, until)
    if standing is not None:
        before = f"{_until(standing)} by {standing.by}: {standing.why}"
        if not replace:
            raise AlreadyError(
                f"{channel} is frozen{before}",
                remedy="Put yours in its place with --replace, or `farm channel thaw` it first.",
            )
        detail += f"; in place of one{before}"
    take_signed(unit, RequestedOrder(act=Act.FREEZE, channel=channel, reason=why, until=until), envelope)
    releases.freeze(unit.session, channel, order)
    audit(unit, actor, "freeze", f"channel {channel}", detail, channel=channel)
    return order


def thaw(unit: UnitOfWork, actor: Actor, channel: str, *, envelope: bytes | None = None) -> None:
    """Thaw a frozen channel; with a signed order also one that only the signer has frozen.

    Raises `AlreadyError` when it is not frozen.
    """
    policy_of(unit, channel)
    frozen = releases.frozen(unit.session, channel, now=unit.now) is not None
    if not frozen and not _goes_to_signer(unit, envelope):
        raise AlreadyError(f"{channel} is not frozen")
    take_signed(unit, RequestedOrder(act=Act.THAW, channel=channel), envelope)
    releases.freeze(unit.session, channel, None)
    audit(unit, actor, "thaw", f"channel {channel}", "" if frozen else _ONLY_THERE, channel=channel)


def hold(
    unit: UnitOfWork,
    actor: Actor,
    channel: str,
    package: str,
    *,
    why: str,
    until: datetime | None = None,
    envelope: bytes | None = None,
) -> Hold:
    """Keep a package where it is in a channel, until a time or until it is lifted."""
    policy_of(unit, channel)
    package = own_name(unit, package)
    _check_known(unit, channel, package)
    reason = reason_of(why)
    held = holds.add_hold(
        unit.session,
        channel,
        package,
        reason=reason,
        held_by=actor.name,
        now=unit.now,
        until=in_the_future(unit, until),
    )
    wanted = RequestedOrder(act=Act.HOLD, channel=channel, packages={package: None}, reason=why, until=until)
    take_signed(unit, wanted, envelope)
    audit(unit, actor, "hold", f"{package} on {channel}", _with_end(reason, until), channel=channel)
    return held


def lift(unit: UnitOfWork, actor: Actor, channel: str, package: str, *, envelope: bytes | None = None) -> None:
    """Lift the hold on a package; with a signed order also one that only the signer has.

    Raises `NotInQuestionError` when nobody holds it.
    """
    policy_of(unit, channel)
    package = own_name(unit, package)
    lifted = holds.lift_hold(unit.session, channel, package, lifted_by=actor.name, now=unit.now)
    if not lifted and not (_goes_to_signer(unit, envelope) and _is_known(unit, channel, package)):
        held = [hold.package for hold in holds.open_holds(unit.session, channel, now=unit.now)]
        raise NotInQuestionError(f"nobody holds {package[:100]} on {channel}", remedy=neighbours(package, held))
    take_signed(unit, RequestedOrder(act=Act.LIFT, channel=channel, packages={package: None}), envelope)
    audit(unit, actor, "lift", f"{package} on {channel}", "" if lifted else _ONLY_THERE, channel=channel)


def report(unit: UnitOfWork, actor: Actor, channel: str, package: str, *, why: str) -> Report:
    """Report trouble with a package of a channel's newest release: it is not promoted while the report is open."""
    policy_of(unit, channel)
    newest, package = newest_of(unit, channel), own_name(unit, package)
    found = releases.members_named(unit.session, channel, newest.number, [package])
    for digest in imported.first_taken(unit.session, channel, [package]):
        found[package] = digest
    if package not in found:
        raise not_held(newest, package, releases.release_set(unit.session, channel, newest.number))
    reason = reason_of(why)
    made = reports.add_report(
        unit.session, channel, found[package], reason=reason, reported_by=actor.name, now=unit.now
    )
    audit(unit, actor, "report", f"{package} {made.version} on {channel}", reason, channel=channel)
    return made


def resolve(unit: UnitOfWork, actor: Actor, report_id: int, *, envelope: bytes | None = None) -> Report:
    """Close a report. Raises `CurationError` when there is none, `AlreadyError` when it is closed."""
    known = reports.report(unit.session, report_id)
    if known is None:
        raise CurationError(
            f"there is no report {report_id}", remedy=f"See `farm channel report CHANNEL`. {_WITH_SIGNER}"
        )
    if not reports.resolve_report(unit.session, report_id, resolved_by=actor.name, now=unit.now):
        raise AlreadyError(f"report {report_id} was resolved by {known.resolved_by}", remedy=_WITH_SIGNER)
    wanted = RequestedOrder(act=Act.CLOSE_REPORT, channel=known.channel, target=known.package, number=report_id)
    take_signed(unit, wanted, envelope)
    what = f"report {report_id}: {known.name} {known.version} on {known.channel}"
    audit(unit, actor, "resolve", what, channel=known.channel)
    return reports.report(unit.session, report_id) or known


def close_with_signer(
    unit: UnitOfWork, actor: Actor, channel: str, report_id: int, package: Digest, *, envelope: bytes | None = None
) -> None:
    """Have the signer close a report that is open there and not here, e.g. after a backup was restored.

    Raises `CurationError` if the report is open here too: then `resolve` closes both.
    """
    policy_of(unit, channel)
    known = reports.report(unit.session, report_id)
    open_here = known is not None and known.resolved_at is None
    # A forged report may have the number of a genuine one about another package.
    if known is not None and open_here and (known.channel, known.package) == (channel, package):
        raise CurationError(
            f"report {report_id} is open here", remedy=f"`farm channel report --resolve {report_id}` closes it."
        )
    if signed_orders.who_orders(unit.session) is None:
        raise CurationError("the signer keeps no reports of its own: targets sign no policy")
    take_signed(unit, RequestedOrder(act=Act.CLOSE_REPORT, channel=channel, target=package, number=report_id), envelope)
    audit(unit, actor, "resolve", f"report {report_id}: {package} on {channel}", "with the signer", channel=channel)


def _check_known(unit: UnitOfWork, channel: str, package: str) -> None:
    """Raise `NotInQuestionError` unless there is a package of this name."""
    if not _is_known(unit, channel, package):
        known = recipes.all_packages(unit.session)
        raise NotInQuestionError(f"no recipe makes a package {package[:100]!r}", remedy=neighbours(package, known))


def _is_known(unit: UnitOfWork, channel: str, package: str) -> bool:
    """Return whether a recipe makes this package, or it is imported, or the channel or its candidate holds it."""
    if recipes.recipes_of(unit.session, [package]) or imported.is_known(unit.session, package):
        return True
    newest = releases.newest_release(unit.session, channel)
    if newest and releases.members_named(unit.session, channel, newest.number, [package]):
        return True
    candidate = candidates.open_candidate(unit.session, channel)
    changes = candidates.changes_of(unit.session, candidate.id) if candidate else ()
    return any(change.name == package for change in changes)


def _goes_to_signer(unit: UnitOfWork, envelope: bytes | None) -> bool:
    """Return whether an order may be about records of the signer alone, e.g. after an older database was restored."""
    return envelope is not None and signed_orders.who_orders(unit.session) is not None


def _until(order: Freeze) -> str:
    return f" until {order.until:%Y-%m-%d %H:%M} UTC" if order.until else ""


def _with_end(reason: str, until: datetime | None) -> str:
    return f"{reason} (until {until.isoformat()})" if until else reason
