"""Signing what curators order, with the own key, and saying whether the signer has come to have it."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from farm.cli.output import say
from farm.cli.own_key import find_own_key
from farm.cli.settings import Settings

if TYPE_CHECKING:
    from farm.api.curator_client import CuratorClient

_WAITED, _POLL = 5.0, 0.2
"""Seconds in which the farm hands on what it has taken, and the signer answers."""


def sign_act(farm: CuratorClient, act: str, channel: str, **said: Any) -> bytes | None:
    """Return the envelope in which the holder of the own key orders something of a channel; None without a key.

    `act` is an `Act`, `said` are the parts of a `CuratorOrder`; names of packages may be told in full. A farm that does
    not say which distribution it is of takes no orders that are signed.
    """
    own = find_own_key(Settings.from_environment(), None, None)
    if own is None:
        return None
    status = farm.channel(channel)
    if "distribution" not in status:
        return None
    from farm.names import Digest
    from farm.trust.curator_order import LIFETIME, NO_RELEASE, Act, CuratorOrder, order_statement
    from farm.trust.dsse import sign_statement

    newest, now, distribution = status["newest"], datetime.now(UTC), status["distribution"]
    packages = {
        name.removeprefix(f"{distribution}/"): digest and Digest(digest)
        for name, digest in said.pop("packages", {}).items()
    }
    order = CuratorOrder(
        act=Act(act),
        distribution=distribution,
        channel=channel,
        base=Digest(newest["digest"]) if newest else NO_RELEASE,
        curator=own.name,
        reason=said.pop("reason", ""),
        at=now,
        expires=now + LIFETIME,
        packages=packages,
        **said,
    )
    return sign_statement(order_statement(order), own.signer())


def tell_signed(farm: CuratorClient, answer: dict[str, Any]) -> int:
    """Wait until the signer has what was signed, and say if it has not, or will not; return the exit status."""
    kept = answer.get("signed")
    if not isinstance(kept, dict):
        return 0
    until = time.monotonic() + _WAITED
    while kept["brought-at"] is None and not kept["refused"] and time.monotonic() < until:
        time.sleep(_POLL)
        kept = farm.signed_order(str(kept["order"]))
    if kept["refused"]:
        say(f"the signer refuses the order: {kept['refused']}", err=True)
        return 1
    if kept["brought-at"] is None:
        say("the order is taken, and not with the signer yet: it gets it as soon as it answers", err=True)
    return 0
