"""What curators decide about a channel: freeze it, hold a package, report trouble. Each act with its audit row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.server.channels import candidates, releases
from farm.server.channels.channel_checks import (
    AlreadyError,
    CurationError,
    NotInQuestionError,
    ahead,
    neighbours,
    newest_of,
    own_name,
    policy_of,
    reason_of,
)
from farm.server.channels.releases import Freeze
from farm.server.curation import holds, reports, signed_orders
from farm.server.curation.order_intake import Wanted, take_signed
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
    from farm.server.transaction.unit_of_work import Desk


_WITH_SIGNER = (
    "Where the signer has one of this number open all the same: `farm report CHANNEL --resolve NUMBER --descriptor "
    "DIGEST`, with the descriptor that the signer's refusal names."
)
_ONLY_THERE = "with the signer: nothing was written here"


def freeze(
    desk: Desk,
    actor: Actor,
    channel: str,
    *,
    why: str,
    until: datetime | None = None,
    replace: bool = False,
    envelope: bytes | None = None,
) -> Freeze:
    """Let a channel publish nothing, until a time or until it is thawed.

    Raises `AlreadyError` when it is frozen, unless this freeze is to `replace` that one, whoever made it.
    """
    policy_of(desk, channel)
    order = Freeze(desk.now, reason_of(why), actor.name, ahead(desk, until))
    standing = releases.frozen(desk.session, channel, now=desk.now)
    told = _told(order.why, until)
    if standing is not None:
        before = f"{_until(standing)} by {standing.by}: {standing.why}"
        if not replace:
            raise AlreadyError(
                f"{channel} is frozen{before}", remedy="Put yours in its place with --replace, or `farm thaw` it first."
            )
        told += f"; in place of one{before}"
    take_signed(desk, Wanted(act=Act.FREEZE, channel=channel, reason=why, until=until), envelope)
    releases.freeze(desk.session, channel, order)
    audit(desk, actor, "freeze", f"channel {channel}", told, channel=channel)
    return order


def thaw(desk: Desk, actor: Actor, channel: str, *, envelope: bytes | None = None) -> None:
    """Let a frozen channel go on: also one that only the signer has frozen, when that is signed.

    Raises `AlreadyError` when it is not frozen.
    """
    policy_of(desk, channel)
    frozen = releases.frozen(desk.session, channel, now=desk.now) is not None
    if not frozen and not _goes_to_signer(desk, envelope):
        raise AlreadyError(f"{channel} is not frozen")
    take_signed(desk, Wanted(act=Act.THAW, channel=channel), envelope)
    releases.freeze(desk.session, channel, None)
    audit(desk, actor, "thaw", f"channel {channel}", "" if frozen else _ONLY_THERE, channel=channel)


def hold(
    desk: Desk,
    actor: Actor,
    channel: str,
    package: str,
    *,
    why: str,
    until: datetime | None = None,
    envelope: bytes | None = None,
) -> Hold:
    """Keep a package where it is in a channel, until a time or until it is lifted."""
    policy_of(desk, channel)
    package = own_name(desk, package)
    _check_known(desk, channel, package)
    reason = reason_of(why)
    held = holds.add_hold(
        desk.session, channel, package, reason=reason, held_by=actor.name, now=desk.now, until=ahead(desk, until)
    )
    wanted = Wanted(act=Act.HOLD, channel=channel, packages={package: None}, reason=why, until=until)
    take_signed(desk, wanted, envelope)
    audit(desk, actor, "hold", f"{package} on {channel}", _told(reason, until), channel=channel)
    return held


def lift(desk: Desk, actor: Actor, channel: str, package: str, *, envelope: bytes | None = None) -> None:
    """Let a held package go on: also one that there is and only the signer holds, when that is signed.

    Raises `NotInQuestionError` when nobody holds it.
    """
    policy_of(desk, channel)
    package = own_name(desk, package)
    lifted = holds.lift_hold(desk.session, channel, package, lifted_by=actor.name, now=desk.now)
    if not lifted and not (_goes_to_signer(desk, envelope) and _is_known(desk, channel, package)):
        held = [each.package for each in holds.open_holds(desk.session, channel, now=desk.now)]
        raise NotInQuestionError(f"nobody holds {package[:100]} on {channel}", remedy=neighbours(package, held))
    take_signed(desk, Wanted(act=Act.LIFT, channel=channel, packages={package: None}), envelope)
    audit(desk, actor, "lift", f"{package} on {channel}", "" if lifted else _ONLY_THERE, channel=channel)


def report(desk: Desk, actor: Actor, channel: str, package: str, *, why: str) -> Report:
    """Write down trouble with a package of a channel's newest release: it goes no further while that is open."""
    policy_of(desk, channel)
    newest, package = newest_of(desk, channel), own_name(desk, package)
    found = releases.members_named(desk.session, channel, newest.number, [package])
    for digest in imported.first_taken(desk.session, channel, [package]):
        found[package] = digest
    if package not in found:
        members = releases.release_set(desk.session, channel, newest.number)
        raise NotInQuestionError(
            f"{channel} release {newest.number} holds no package {package[:100]!r}", remedy=neighbours(package, members)
        )
    reason = reason_of(why)
    made = reports.add_report(
        desk.session, channel, found[package], reason=reason, reported_by=actor.name, now=desk.now
    )
    audit(desk, actor, "report", f"{package} {made.version} on {channel}", reason, channel=channel)
    return made


def resolve(desk: Desk, actor: Actor, report_id: int, *, envelope: bytes | None = None) -> Report:
    """Close a report. Raises `CurationError` when there is none, `AlreadyError` when it is closed."""
    known = reports.report(desk.session, report_id)
    if known is None:
        raise CurationError(f"there is no report {report_id}", remedy=f"See `farm report CHANNEL`. {_WITH_SIGNER}")
    if not reports.resolve_report(desk.session, report_id, resolved_by=actor.name, now=desk.now):
        raise AlreadyError(f"report {report_id} was resolved by {known.resolved_by}", remedy=_WITH_SIGNER)
    wanted = Wanted(act=Act.CLOSE_REPORT, channel=known.channel, target=known.package, number=report_id)
    take_signed(desk, wanted, envelope)
    what = f"report {report_id}: {known.name} {known.version} on {known.channel}"
    audit(desk, actor, "resolve", what, channel=known.channel)
    resolved = reports.report(desk.session, report_id)
    assert resolved is not None  # noqa: S101  (it was there a moment ago)
    return resolved


def close_with_signer(
    desk: Desk, actor: Actor, channel: str, report_id: int, package: Digest, *, envelope: bytes | None = None
) -> None:
    """Have the signer close a report that it has open and this farm has not, as after a backup was restored.

    Raises `CurationError` where the report is open here too: then `resolve` closes both.
    """
    policy_of(desk, channel)
    known = reports.report(desk.session, report_id)
    open_here = known is not None and known.resolved_at is None
    # An invented one may have the number of an honest one, about another package.
    if known is not None and open_here and (known.channel, known.package) == (channel, package):
        raise CurationError(
            f"report {report_id} is open here", remedy=f"`farm report --resolve {report_id}` closes it."
        )
    if signed_orders.who_orders(desk.session) is None:
        raise CurationError("the signer keeps no reports of its own: targets sign no policy")
    take_signed(desk, Wanted(act=Act.CLOSE_REPORT, channel=channel, target=package, number=report_id), envelope)
    audit(desk, actor, "resolve", f"report {report_id}: {package} on {channel}", "with the signer", channel=channel)


def _check_known(desk: Desk, channel: str, package: str) -> None:
    """Raise `NotInQuestionError` unless there is a package of this name."""
    if not _is_known(desk, channel, package):
        known = recipes.all_packages(desk.session)
        raise NotInQuestionError(f"no recipe makes a package {package[:100]!r}", remedy=neighbours(package, known))


def _is_known(desk: Desk, channel: str, package: str) -> bool:
    """Say whether a recipe makes this package, it is taken of others, or the channel holds it, or may come to."""
    if recipes.recipes_of(desk.session, [package]) or imported.is_known(desk.session, package):
        return True
    newest = releases.newest_release(desk.session, channel)
    if newest and releases.members_named(desk.session, channel, newest.number, [package]):
        return True
    candidate = candidates.open_candidate(desk.session, channel)
    changes = candidates.changes_of(desk.session, candidate.id) if candidate else ()
    return any(each.name == package for each in changes)


def _goes_to_signer(desk: Desk, envelope: bytes | None) -> bool:
    """Say whether an order may be about what only the signer has, as after an older database was restored."""
    return envelope is not None and signed_orders.who_orders(desk.session) is not None


def _until(order: Freeze) -> str:
    return f" until {order.until:%Y-%m-%d %H:%M} UTC" if order.until else ""


def _told(reason: str, until: datetime | None) -> str:
    return f"{reason} (until {until.isoformat()})" if until else reason
