"""Checks before a decision about a channel: it exists, a reason is given, times are in the future."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from farm.errors import FarmError, did_you_mean
from farm.server.channels import releases
from farm.server.transaction.text import truncate_text

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from farm.server.channels.releases import ReleaseRecord
    from farm.server.transaction.unit_of_work import UnitOfWork

LONGEST_REASON = 2000


class CurationError(FarmError):
    """A curator's request cannot be carried out."""

    code = "curation"


class NotInQuestionError(CurationError):
    """The request does not apply to the package."""

    code = "not-in-question"


class AlreadyError(CurationError):
    """The request was carried out before."""

    code = "already"


def policy_of(unit: UnitOfWork, channel: str) -> dict[str, Any]:
    """Return the policy in force on a channel as plain values. Raises `CurationError` (`not-found`)."""
    text = releases.policy_text(unit.session, channel)
    if text is None:
        known = releases.channels(unit.session)
        raise CurationError(
            f"there is no channel {channel[:100]!r}", remedy=neighbours(channel, known), code="not-found"
        )
    policy: dict[str, Any] = json.loads(text) if text else {}
    return policy


def newest_of(unit: UnitOfWork, channel: str) -> ReleaseRecord:
    """Return the newest release of a channel. Raises `CurationError` when there is none."""
    newest = releases.newest_release(unit.session, channel)
    if newest is None:
        raise CurationError(
            f"{channel} has no release yet", remedy=f"`farm channel show {channel}` says what it waits for."
        )
    return newest


def not_held(release: ReleaseRecord, package: str, members: Iterable[str]) -> NotInQuestionError:
    """Return the error for a package that a release does not hold, among its `members`."""
    what = f"{release.channel} release {release.number} holds no package {package[:100]!r}"
    return NotInQuestionError(what, remedy=neighbours(package, members))


def reason_of(text: str) -> str:
    """Return a reason as it is stored. Raises `CurationError` if it is empty."""
    reason = truncate_text(text.strip(), longest=LONGEST_REASON)
    if not reason:
        raise CurationError("no reason is given", remedy="Give one with --why: others will read it.")
    return reason


def in_the_future(unit: UnitOfWork, until: datetime | None) -> datetime | None:
    """Return a time that is in the future, or None. Raises `CurationError`."""
    if until is None:
        return None
    if until.tzinfo is None:
        raise CurationError(f"{until.isoformat()} names no time zone", remedy="Write it as 2026-12-24T12:00:00Z.")
    if until <= unit.now:
        raise CurationError(f"{until:%Y-%m-%d %H:%M} {until.tzname()} is past", remedy="Name a time in the future.")
    return until


def own_name(unit: UnitOfWork, name: str) -> str:
    """Return a package's name as it is stored here: own packages have short names, but may be given in full."""
    return name.removeprefix(f"{unit.inputs.distribution}/")


def neighbours(name: str, known: Iterable[str]) -> str:
    """Return a remedy for an unknown name: the nearest known ones, or all when there are few."""
    names = sorted(known)
    few = f"There {'is' if len(names) == 1 else 'are'} {', '.join(names)}." if 0 < len(names) <= 10 else ""
    return did_you_mean(name, names, few)
