"""Signed orders: a curator's own word about a channel, such as a hold or a rollback, made with that person's key.

An order names the channel and the release that it was given on, and is good until it expires. It is known by the digest
of its statement, whoever has signed that again or put it into another envelope. Who may give one is handed in. Two acts
are about no channel: what is said of vulnerabilities is ordered of the role that publishes it, and what was signed of
recipes (`farm.trust.attestation.submission_statement`) is withdrawn from all of them.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from farm.core.names.digest import Digest
from farm.errors import FarmError
from farm.trust.attestation.in_toto import (
    digest_of,
    make_statement,
    predicate_type_of,
    read_time,
    resource,
    time_text,
)
from farm.trust.attestation.personal import open_personal
from farm.trust.layout import ADVISORIES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PREDICATE_TYPE = "urn:farm:order:1"
LIFETIME = timedelta(days=30)
"""How long an order is good that says nothing else; none may be good for longer than `LONGEST_LIFETIME`."""
LONGEST_LIFETIME = timedelta(days=90)
LARGEST_CURATOR_ORDER = 256 << 10
MOST_PACKAGES = 1000
LONGEST_REASON = 2000
NO_RELEASE = Digest.of(b"")
"""What a channel without a release has for one: the digest of nothing."""
_WHOSE_KEY = "Sign with the key that the signed curators or operators have beside your name; or have yours put there."


class Act(StrEnum):
    """What a person can order of a channel."""

    HOLD = "hold"  # `packages` stay as they are, until `until` if that is said
    LIFT = "lift"  # `packages` go on
    FREEZE = "freeze"  # it releases nothing, until `until` if that is said
    THAW = "thaw"
    PROMOTE = "promote"  # it takes what the release `target` of `origin` holds, of `packages` or of all
    ROLLBACK = "rollback"  # it takes what its own release `target` held
    RETRY = "retry"  # it takes `packages`, though they are older or were rolled back
    CLOSE_REPORT = "close-report"  # report `number`, which is about the package `target`
    WITHDRAW_APPROVAL = "withdraw-approval"  # of who signs, for `packages` as far as they were approved before
    WITHDRAW_ORDER = "withdraw-order"  # the order `target` to the channel permits nothing any more, whoever gave it
    WITHDRAW_SUBMISSION = "withdraw-submission"  # what people (`packages`) have signed so counts on no channel any more
    ADVISE = "advise"  # `packages` are what is said of vulnerabilities, with their digests (`advisory_statement`)


PERMITS = frozenset({Act.PROMOTE, Act.ROLLBACK, Act.RETRY, Act.ADVISE})
"""Orders that let the signer sign what it may not by itself, until they expire. Those to a channel are used once."""
_TARGETED = frozenset({Act.PROMOTE, Act.ROLLBACK, Act.CLOSE_REPORT, Act.WITHDRAW_ORDER})
_BY_DIGEST = frozenset({Act.RETRY, Act.WITHDRAW_APPROVAL, Act.WITHDRAW_SUBMISSION, Act.ADVISE})
_OF_PACKAGES = _BY_DIGEST | {Act.HOLD, Act.LIFT}
EVERY_CHANNEL = "*"
"""What an order is to that is about no channel more than another: none can have that name."""
_ELSEWHERE = {Act.ADVISE: ADVISORIES, Act.WITHDRAW_SUBMISSION: EVERY_CHANNEL}
"""What is ordered of no channel, and of what instead. What advises is withdrawn where it is given."""


TOLERANCE = timedelta(minutes=5)
"""How far apart the clocks may be of who orders, or approves, and of the farm and the signer."""


class CuratorOrderError(FarmError):
    """A signed statement is no order of that person."""

    code = "order"

    def __init__(self, why: str, remedy: str = "Give the order again.") -> None:
        super().__init__(f"this is no order: {why}", remedy=remedy)


@dataclass(frozen=True, slots=True, kw_only=True)
class CuratorOrder:
    """What `curator` orders of `channel`, as it was with its release `base` (`NO_RELEASE` before the first one).

    `packages` are names; of a retry and of a withdrawal with the descriptors that are meant. It counts up to `expires`,
    what it brings about up to `until`. What advises is to the role `advisories`, and on no release.
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
        """The name of the order: the digest of its statement."""
        return Digest.of_json(order_statement(self))

    @property
    def told(self) -> str:
        """What it is in a few words: `hold jq on edge by ann`."""
        what = " ".join([self.act.replace("-", " "), ", ".join(sorted(self.packages)[:3])]).strip()
        return f"{what} on {self.channel} by {self.curator}"

    @property
    def matters(self) -> frozenset[tuple[str, ...]]:
        """What it is about, on its channel: of several orders about the same, the last one says what counts."""
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
    """Return builds of packages as an order names them: by name, or by name and digest where a name has several."""
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
        "expires": time_text(order.expires),
        "reason": order.reason,
        "time": time_text(order.at),
    }
    if order.until is not None:
        predicate["until"] = time_text(order.until)
    if order.packages:
        predicate["packages"] = {
            name: None if digest is None else {"sha256": digest.hex} for name, digest in sorted(order.packages.items())
        }
    if order.target is not None:
        predicate["target"] = {"sha256": order.target.hex}
    if order.origin:
        predicate["from"] = order.origin
    if order.number:
        predicate["number"] = order.number
    return make_statement(PREDICATE_TYPE, [resource(f"release of {order.channel}", order.base)], predicate)


def read_order(envelope: bytes, people: Mapping[str, str]) -> CuratorOrder:
    """Return what an envelope orders; `people` are public keys (64 hexadecimal digits) by name.

    The key that signed must be that of the person whom the order names: nobody signs for somebody else.
    Raises `CuratorOrderError`, or `InvalidEnvelopeError` when no key of these people has signed.
    """
    if len(envelope) > LARGEST_CURATOR_ORDER:
        raise CuratorOrderError(f"it has {len(envelope)} bytes, more than {LARGEST_CURATOR_ORDER}")
    statement, _, signers = open_personal(envelope, people, remedy=_WHOSE_KEY)
    order = order_of(statement)
    if order.curator not in signers:
        raise CuratorOrderError(f"{order.curator[:100]!r} is not whose key has signed", _WHOSE_KEY)
    return order


def kept_order(envelope: bytes) -> CuratorOrder:
    """Return the order in an envelope that was verified when it was kept. Raises `CuratorOrderError`."""
    try:
        # As text in UTF-8 alone: others would be another text where it is kept.
        statement = json.loads(base64.b64decode(json.loads(envelope.decode())["payload"], validate=True))
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise CuratorOrderError(f"what was kept is no envelope: {error!r:.200}") from error
    return order_of(statement)


def order_of(statement: Any) -> CuratorOrder:
    """Return the order that a statement is, whoever has signed it. Raises `CuratorOrderError`."""
    if not isinstance(statement, dict):
        raise CuratorOrderError("the statement is none")
    if predicate_type_of(statement) != PREDICATE_TYPE:
        raise CuratorOrderError("the statement has another type")
    try:
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
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, FarmError) as error:
        raise CuratorOrderError(f"the statement lacks what it is about: {error!r:.200}") from error
    # An order is known by its statement: one that says more, or the same in other words, would be another.
    if canonical != statement:
        raise CuratorOrderError("the statement says more than this farm knows", "Upgrade the farm.")
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
        raise ValueError(f"it is good for longer than {LONGEST_LIFETIME.days} days, or for no time")


_LONGEST_NAME = 255


def _name(value: Any) -> str:
    if not _bounded(value, _LONGEST_NAME):
        raise ValueError("a name is empty")
    return str(value)


def _bounded(value: Any, longest: int) -> str:
    if not isinstance(value, str) or len(value) > longest:
        raise ValueError(f"a text is none, or has more than {longest} characters")
    return value


def _number(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 1 << 53:
        raise ValueError("a number is none")
    return value


def _packages(value: Any) -> dict[str, Digest | None]:
    if not isinstance(value, dict) or len(value) > MOST_PACKAGES:
        raise ValueError(f"packages are none, or more than {MOST_PACKAGES}")
    return {_name(name): None if each is None else _digest(each) for name, each in value.items()}


def _digest(value: Any) -> Digest:
    return Digest.from_hex(value["sha256"])
