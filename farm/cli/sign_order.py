"""Signs the orders of curators with their own key, and waits until the signer has them."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from farm.cli.output import say, tell_result
from farm.cli.personal_key import find_own_key
from farm.cli.settings import Settings
from farm.core.names.digest import Digest
from farm.core.names.printed_version import printed_version
from farm.core.package.descriptor import Descriptor
from farm.errors import FarmError
from farm.trust.layout import ADVISORIES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from farm.api.curator_client import CuratorClient
    from farm.api.farm_client import FarmClient
    from farm.cli.personal_key import OwnKey
    from farm.trust.attestation.advisory_statement import Claim


_WAITED, _POLL = 5.0, 0.2
"""Seconds to wait until the farm has delivered an order and the signer has answered."""


def can_sign() -> bool:
    """Return whether there is an own key; without one, nothing has to be fetched to be signed."""
    return _own_key() is not None


def sign_act(farm: CuratorClient, act: str, channel: str, **said: Any) -> bytes | None:
    """Return the signed envelope of an order for a channel; None without a key.

    `act` is an `Act`, `said` are the fields of a `CuratorOrder`; packages may have full names. The channel may be the
    role `advisories`. None too for a farm that does not name its distribution: it takes no signed orders.
    """
    own = _own_key()
    if own is None:
        return None
    if channel == ADVISORIES:  # a role without releases
        return _sign(own, act, whose, channel, **said) if (whose := farm.distribution()) else None
    status = farm.channel(channel)
    if "distribution" not in status:
        return None
    newest, distribution = status["newest"], status["distribution"]
    packages = {
        name.removeprefix(f"{distribution}/"): digest and Digest(digest)
        for name, digest in said.pop("packages", {}).items()
    }
    base = Digest(newest["digest"]) if newest else None
    return _sign(own, act, distribution, channel, base=base, packages=packages, **said)


def sign_claims(farm: CuratorClient, claims: Callable[[str], Iterable[Claim]]) -> bytes | None:
    """Return the signed envelope of statements about vulnerabilities; None without a key.

    `claims` gives the statements for the distribution of the farm; None too where there are none.
    """
    own = _own_key()
    if own is None or not (distribution := farm.distribution()):
        return None
    from farm.trust.attestation.advisory_statement import claims_to_sign

    packages = claims_to_sign(claims(distribution))
    return _sign(own, "advise", distribution, ADVISORIES, packages=packages) if packages else None


def sign_withdrawal(own: OwnKey, distribution: str, envelopes: Iterable[bytes], why: str) -> bytes | None:
    """Return the signed envelope that withdraws signatures on recipes; None without signatures.

    Raises `SubmissionStatementError` where one of `envelopes` is not about recipes.
    """
    from farm.trust.attestation.curator_order import EVERY_CHANNEL
    from farm.trust.attestation.submission_statement import to_withdraw

    packages = to_withdraw(envelopes)
    if not packages:
        return None
    return _sign(own, "withdraw-submission", distribution, EVERY_CHANNEL, packages=packages, reason=why)


def tell_done(farm: FarmClient, lines: Iterable[str], *answers: dict[str, Any], as_json: bool) -> int:
    """Print the result of orders, as `tell_signed` allows, and return the exit status."""
    status = tell_signed(farm, *answers)
    if status == 0:
        tell_result(lines, answers[0] if len(answers) == 1 else answers, as_json=as_json)
    return status


def tell_signed(farm: FarmClient, *answers: dict[str, Any]) -> int:
    """Wait until the signer has the signed orders, and print if it does not, or refuses; return the exit status."""
    until, status = time.monotonic() + _WAITED, 0
    waits = False
    for answer in answers:
        kept = answer.get("signed")
        if not isinstance(kept, dict):
            continue
        while kept["brought-at"] is None and not kept["refused"] and time.monotonic() < until:
            time.sleep(_POLL)
            kept = farm.signed_order(str(kept["order"]))
        if kept["refused"]:
            say(f"the signer refuses the order: {kept['refused']}", err=True)
            status = 1
        elif kept["brought-at"] is None:
            waits = True
    if waits:
        say(
            "the order is accepted, but has not reached the signer yet: it follows once the signer answers",
            err=True,
        )
    return status


def _own_key() -> OwnKey | None:
    return find_own_key(Settings.from_environment(), None, None)


def _sign(own: OwnKey, act: str, distribution: str, channel: str, *, base: Digest | None = None, **said: Any) -> bytes:
    from farm.trust.attestation.curator_order import LIFETIME, NO_RELEASE, Act, CuratorOrder, order_statement
    from farm.trust.attestation.dsse import sign_statement

    now = datetime.now(UTC)
    order = CuratorOrder(
        act=Act(act),
        distribution=distribution,
        channel=channel,
        base=base or NO_RELEASE,
        curator=own.name,
        reason=said.pop("reason", ""),
        at=now,
        expires=now + LIFETIME,
        **said,
    )
    return sign_statement(order_statement(order), own.signer())


def signed_descriptor(content: bytes, digest: str, package: str, version: str) -> Descriptor:
    """Return the descriptor of this digest, checked to be of the package and version that the farm shows.

    `version` is without a build number, which no descriptor holds. Raises `FarmError`.
    """
    descriptor = Descriptor.from_json(content)
    shown = (digest, version)
    names = (descriptor.name.short, str(descriptor.name))  # imported packages are shown by full name
    if shown != (Digest.of(content), printed_version(descriptor.version, descriptor.revision)) or package not in names:
        raise FarmError(
            f"the farm shows {package} {version}, but the descriptor is of another package or version",
            remedy="Sign nothing; tell the operators of the farm.",
        )
    return descriptor
