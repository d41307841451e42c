"""Signed orders: what a curator orders of a channel, such as a hold or a rollback, signed with that person's key.

An order names the channel and the release that it was given on, and is valid until it expires. It is identified by the
digest of its statement, in whatever envelope. The people who may give one are passed in. Two acts are about no channel:
statements about vulnerabilities are ordered of the role that publishes them, and signed recipes
(`farm.trust.attestation.submission_statement`) are withdrawn from all channels.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from farm.core.names.digest import Digest
from farm.core.names.utc import utc_text
from farm.errors import FarmError
from farm.trust.attestation.in_toto import (
    check_type,
    digest_of,
    make_statement,
    read_time,
    reading_statement,
    resource,
)
from farm.trust.attestation.personal import open_personal
from farm.trust.layout import ADVISORIES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PREDICATE_TYPE = "urn:farm:order:1"
LIFETIME = timedelta(days=30)
"""How long an order is valid by default; none may be valid for longer than `LONGEST_LIFETIME`."""
LONGEST_LIFETIME = timedelta(days=90)
LARGEST_CURATOR_ORDER = 256 << 10
MOST_PACKAGES = 1000
LONGEST_REASON = 2000
NO_RELEASE = Digest.of(b"")
"""Stands for the release of a channel that has none: the digest of nothing."""
_WHOSE_KEY = "Sign with the key that the signed curators or operators have next to your name; or have yours put there."


class Act(StrEnum):
    """What a person can order of a channel."""

    HOLD = "hold"  # `packages` stay as they are, up to `until` if given
    LIFT = "lift"  # `packages` may move again
    FREEZE = "freeze"  # it releases nothing, up to `until` if given
    THAW = "thaw"
    PROMOTE = "promote"  # it takes what the release `target` of `origin` holds, of `packages` or of all
    ROLLBACK = "rollback"  # it takes what its own release `target` held
    RETRY = "retry"  # it takes `packages`, though they are older or were rolled back
    CLOSE_REPORT = "close-report"  # report `number`, which is about the package `target`
    WITHDRAW_APPROVAL = "withdraw-approval"  # the signer's own approvals of `packages` that were given before
    WITHDRAW_ORDER = "withdraw-order"  # the order `target` of the channel, also that of another curator
    WITHDRAW_SUBMISSION = "withdraw-submission"  # submissions of people (`packages`) count on no channel any more
    ADVISE = "advise"  # `packages` are words about vulnerabilities, with their digests


PERMITS = frozenset({Act.PROMOTE, Act.ROLLBACK, Act.RETRY, Act.ADVISE})
"""Orders that let the signer sign what it may not by itself, until they expire. Those of a channel are used once."""
_TARGETED = frozenset({Act.PROMOTE, Act.ROLLBACK, Act.CLOSE_REPORT, Act.WITHDRAW_ORDER})
_BY_DIGEST = frozenset({Act.RETRY, Act.WITHDRAW_APPROVAL, Act.WITHDRAW_SUBMISSION, Act.ADVISE})
_OF_PACKAGES = _BY_DIGEST | {Act.HOLD, Act.LIFT}
EVERY_CHANNEL = "*"
"""The channel of an order about all channels: no channel can have that name."""
_ELSEWHERE = {Act.ADVISE: ADVISORIES, Act.WITHDRAW_SUBMISSION: EVERY_CHANNEL}
"""Acts that are not about one channel, and what they name instead. An order to advise is withdrawn under its role."""


TOLERANCE = timedelta(minutes=5)
"""How far the clocks of people, the farm and the signer may differ."""


class CuratorOrderError(FarmError):
    """A signed statement is not an order by that person."""

    code = "order"

    def __init__(self, why: str, remedy: str = "Give the order again.") -> None:
        super().__init__(f"this is not a valid order: {why}", remedy=remedy)


@dataclass(frozen=True, slots=True, kw_only=True)
class CuratorOrder:
    """What `curator` orders of `channel`, given on its release `base` (`NO_RELEASE` before the first one).

    `packages` are names; of a retry and of a withdrawal with descriptors. The order is valid up to `expires`,
    its effect up to `until`. An order to advise is for the role `advisories`, and on no release.
    """

    act: Act
    distribution: str
    channel: str
    base: Digest
    curator: str
    reason: str
    at: datetime
    expires: datetime
    until: datetime | None = None
    packages: Mapping[str, Digest | None] = field(default_factory=dict)
    target: Digest | None = None
    origin: str = ""
    number: int = 0

    @property
    def digest(self) -> Digest:
        """The digest of its statement, which identifies it."""
        return Digest.of_json(order_statement(self))

    @property
    def summary(self) -> str:
        """A summary: `hold jq on edge by ann`."""
        what = " ".join([self.act.replace("-", " "), ", ".join(sorted(self.packages)[:3])]).strip()
        return f"{what} on {self.channel} by {self.curator}"

    @property
    def matters(self) -> frozenset[tuple[str, ...]]:
        """The matters of the order, on its channel: of several orders about the same matter, the last one counts."""
        packages, target = self.packages.items(), str(self.target)
        match self.act:
            case Act.HOLD | Act.LIFT:
                return frozenset(("hold", name) for name, _ in packages)
            case Act.FREEZE | Act.THAW:
                return frozenset({("freeze",)})
            case Act.WITHDRAW_APPROVAL:
                return frozenset(("approval", str(digest), self.curator) for _, digest in packages)
            case Act.CLOSE_REPORT:
                return frozenset({("report", str(self.number), target)})
            case Act.WITHDRAW_ORDER:
                return frozenset({("order", target)})
        return frozenset({("order", self.digest)})


def named(packages: Iterable[tuple[str, Digest]]) -> dict[str, Digest | None]:
    """Return builds of packages as an order names them: by name, or by name and digest if a name has several."""
    found: dict[str, list[Digest]] = {}
    for name, digest in packages:
        found.setdefault(name, []).append(digest)
    return {
        name if len(digests) == 1 else f"{name} {digest}": digest
        for name, digests in found.items()
        for digest in digests
    }


def order_statement(order: CuratorOrder) -> dict[str, Any]:
    """Return the in-toto statement of an order. Its subject is the release that it was given on."""
    predicate: dict[str, Any] = {
        "act": order.act.value,
        "channel": order.channel,
        "curator": order.curator,
        "distribution": order.distribution,
        "expires": utc_text(order.expires, "microseconds"),
        "reason": order.reason,
        "time": utc_text(order.at, "microseconds"),
    }
    packages = {name: digest and {"sha256": digest.hex} for name, digest in sorted(order.packages.items())}
    optional = {
        "until": order.until and utc_text(order.until, "microseconds"),
        "packages": packages,
        "target": order.target and {"sha256": order.target.hex},
        "from": order.origin,
        "number": order.number,
    }
    predicate |= {name: value for name, value in optional.items() if value}
    return make_statement(PREDICATE_TYPE, [resource(f"release of {order.channel}", order.base)], predicate)


def read_order(envelope: bytes, people: Mapping[str, str]) -> CuratorOrder:
    """Return the order in an envelope; `people` are public keys (64 hexadecimal digits) by name.

    The key that signed must be that of the person named in the order.
    Raises `CuratorOrderError`, or `InvalidEnvelopeError` if no key of these people has signed.
    """
    if len(envelope) > LARGEST_CURATOR_ORDER:
        raise CuratorOrderError(f"it has {len(envelope)} bytes, more than {LARGEST_CURATOR_ORDER}")
    statement, _, signers = open_personal(envelope, people, remedy=_WHOSE_KEY)
    order = order_of(statement)
    if order.curator not in signers:
        raise CuratorOrderError(f"{order.curator[:100]!r} is not the owner of the key that signed", _WHOSE_KEY)
    return order


def kept_order(envelope: bytes) -> CuratorOrder:
    """Return the order in an envelope that was verified when it was stored. Raises `CuratorOrderError`."""
    try:
        # Only in UTF-8: it is stored as text, and other encodings would become another text.
        statement = json.loads(base64.b64decode(json.loads(envelope.decode())["payload"], validate=True))
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise CuratorOrderError(f"what was kept is not an envelope: {error!r:.200}") from error
    return order_of(statement)


def order_of(statement: Any) -> CuratorOrder:
    """Return the order in a statement of any signer. Raises `CuratorOrderError`."""
    if not isinstance(statement, dict):
        raise CuratorOrderError("the statement is not an object")
    check_type(statement, PREDICATE_TYPE, refused=CuratorOrderError)
    with reading_statement(CuratorOrderError):
        (subject,) = statement["subject"]
        predicate = statement["predicate"]
        order = CuratorOrder(
            act=Act(predicate["act"]),
            distribution=_name(predicate["distribution"]),
            channel=_name(predicate["channel"]),
            base=digest_of(subject),
            curator=_name(predicate["curator"]),
            reason=_bounded(predicate["reason"], LONGEST_REASON),
            at=read_time(predicate["time"]),
            expires=read_time(predicate["expires"]),
            until=read_time(predicate["until"]) if "until" in predicate else None,
            packages=_packages(predicate.get("packages", {})),
            target=_digest(predicate["target"]) if "target" in predicate else None,
            origin=_bounded(predicate.get("from", ""), _LONGEST_NAME),
            number=_number(predicate.get("number", 0)),
        )
        _check_whole(order)
        canonical = order_statement(order)
    # The digest of the statement identifies the order: with anything else in it, it would be another.
    if canonical != statement:
        raise CuratorOrderError(
            "the statement has members that this version of farm does not know", "Upgrade the farm."
        )
    return order


def _check_whole(order: CuratorOrder) -> None:
    if (order.act in _TARGETED) != (order.target is not None):
        raise ValueError(f"{order.act} with{'out' if order.target is None else ''} a target")
    if order.act in _OF_PACKAGES and not order.packages:
        raise ValueError(f"{order.act} of no package")
    if (order.act is Act.PROMOTE) != bool(order.origin):
        raise ValueError("only a promotion is from a channel")
    if order.act in _BY_DIGEST and None in order.packages.values():
        raise ValueError(f"{order.act} of a package without its descriptor")
    is_elsewhere = order.channel in _ELSEWHERE.values()
    may_be = order.act is Act.WITHDRAW_ORDER and order.channel == ADVISORIES
    if _ELSEWHERE.get(order.act, order.channel) != order.channel or (
        is_elsewhere and order.act not in _ELSEWHERE and not may_be
    ):
        raise ValueError(f"{order.act} of {order.channel}")
    if is_elsewhere and order.base != NO_RELEASE:
        raise ValueError(f"{order.channel} has no release")
    if not order.at < order.expires <= order.at + LONGEST_LIFETIME:
        raise ValueError(f"it is valid for longer than {LONGEST_LIFETIME.days} days, or for no time")


_LONGEST_NAME = 255


def _name(value: Any) -> str:
    if not _bounded(value, _LONGEST_NAME):
        raise ValueError("a name is empty")
    return str(value)


def _bounded(value: Any, longest: int) -> str:
    if not isinstance(value, str) or len(value) > longest:
        raise ValueError(f"a text is missing, or has more than {longest} characters")
    return value


def _number(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 1 << 53:
        raise ValueError("a number is not one, or out of range")
    return value


def _packages(value: Any) -> dict[str, Digest | None]:
    if not isinstance(value, dict) or len(value) > MOST_PACKAGES:
        raise ValueError(f"packages are not an object, or more than {MOST_PACKAGES}")
    return {_name(name): None if digest is None else _digest(digest) for name, digest in value.items()}


def _digest(value: Any) -> Digest:
    return Digest.from_hex(value["sha256"])
