"""Orders and reports sent to the signer's ledger that it must refuse, or that must have no effect."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from farm.core.names.canonical_json import canonical_json
from farm.core.names.digest import Digest
from farm.trust.attestation.approval import approval_statement
from farm.trust.attestation.curator_order import (
    EVERY_CHANNEL,
    LARGEST_CURATOR_ORDER,
    NO_RELEASE,
    Act,
    kept_order,
    order_statement,
)
from farm.trust.attestation.dsse import sign_statement
from tests.attack.liar import MALLORY
from tests.attack.message import NESTED, Message
from tests.attack.scenario import ordered, signed_order
from tests.farms.people import ALICE

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx
    from securesystemslib.signer import CryptoSigner

    from tests.attack.liar import Liar

_DAY = timedelta(days=1)


def _order(what: str, make: Callable[[Liar], bytes]) -> Message:
    return Message(what, lambda liar: liar.post("/orders", make(liar)))


def _thaw(liar: Liar, **said: Any) -> bytes:
    return ordered(liar.farm, Act.THAW, "still", **said)


def _rewritten(liar: Liar, **predicate: Any) -> bytes:
    """A thaw whose statement differs from what an order can say."""
    statement = order_statement(kept_order(_thaw(liar)))
    return sign_statement(statement | {"predicate": statement["predicate"] | predicate}, ALICE)


def _exchanged(liar: Liar) -> bytes:
    """A stranger's order, with a signature of Alice's for something else."""
    honest, wanted = json.loads(_thaw(liar, reason="so")), json.loads(_thaw(liar, key=MALLORY))
    return json.dumps(honest | {"payload": wanted["payload"]}).encode()


def _then(liar: Liar, brought: bytes, channel: str, name: str, version: str) -> httpx.Response:
    """Send an order that may be accepted, and ask for something that it must not allow."""
    liar.post("/orders", brought)
    return liar.ask(liar.compose(channel, liar.entry(name, version)))


def _kept(liar: Liar, act: Act) -> tuple[bytes, Digest]:
    """An order of Alice's that was carried out."""
    (row,) = liar.rows("SELECT envelope, digest FROM signed_order WHERE act = ?", act.value)[:1]
    return row["envelope"].encode(), Digest(row["digest"])


def _used(liar: Liar) -> httpx.Response:
    envelope, digest = _kept(liar, Act.ROLLBACK)
    liar.post("/orders", envelope)
    first = kept_order(envelope).target
    assert first is not None
    release = liar.farm.release("twice")
    assert release is not None
    old = json.loads(liar.farm.blobs.read(first))
    back = replace(
        liar.compose("twice"),
        index=replace(release.index, digest=Digest(old["index"]["digest"]), size=old["index"]["size"]),
        packages=old["packages"],
    )
    return liar.ask(back, replace(liar.evidence(), orders=(digest,)))


def _withdrawn(liar: Liar, *, withdrawn_first: bool) -> httpx.Response:
    """Use an order that Alice gave and withdrew; control has stored both the order and the withdrawal."""
    old = liar.package("tool").digest
    order = ordered(liar.farm, Act.RETRY, "edge", packages={"tool": old})
    digest = kept_order(order).digest
    withdrawal = ordered(liar.farm, Act.WITHDRAW_ORDER, "edge", target=digest, reason="oops")
    brought = [
        liar.post("/orders", message) for message in ((withdrawal, order) if withdrawn_first else (order, withdrawal))
    ]
    assert [message.is_success for message in brought] == [True, not withdrawn_first]
    return liar.ask(liar.compose("edge", liar.entry("tool")), replace(liar.evidence(), orders=(digest,)))


def _approval(liar: Liar) -> bytes:
    descriptor = liar.descriptor("lone")
    return sign_statement(approval_statement(descriptor, channel="stable", curator="alice"), ALICE)


def _ordered_away(key: CryptoSigner, channel: str = EVERY_CHANNEL) -> bytes:
    """An order that Alice's signature on a recipe no longer counts."""
    said = {"act": Act.WITHDRAW_SUBMISSION, "channel": channel, "base": NO_RELEASE}
    return signed_order(key, packages={"alice": Digest.of(b"a statement")}, **said)


_NOW = datetime.now(UTC)
ORDERS = (
    _order("no JSON", lambda _: b"rubbish"),
    _order("nested JSON", lambda _: NESTED),
    _order("text in another encoding", lambda liar: _thaw(liar).decode().encode("utf-32-le")),
    _order("too much", lambda _: b" " * (LARGEST_CURATOR_ORDER + 1)),
    _order("a stranger's in a curator's name", lambda liar: _thaw(liar, key=MALLORY)),
    _order("a stranger's", lambda liar: _thaw(liar, key=MALLORY, curator="mallory")),
    _order("a curator's in another's name", lambda liar: _thaw(liar, curator="bob")),
    _order("a signature below something else", _exchanged),
    _order("an approval", _approval),
    _order("no statement, signed by a curator", lambda _: sign_statement([], ALICE)),  # type: ignore[arg-type]
    _order("one of another distribution", lambda liar: _thaw(liar, distribution="evil.example.org")),
    _order("one on a release that there never was", lambda liar: _thaw(liar, base=Digest.of(b"never"))),
    _order(
        "one on a release of another channel",
        lambda liar: _thaw(liar, base=liar.repository.current("edge").release.digest),
    ),  # type: ignore[union-attr]
    _order("one that has expired", lambda liar: _thaw(liar, at=_NOW - 2 * _DAY, expires=_NOW - _DAY)),
    _order("one that is good for years", lambda liar: _rewritten(liar, expires="2999-01-01T00:00:00Z")),
    _order("one with more in it", lambda liar: _rewritten(liar, also="rm -rf")),
    _order("one of no kind", lambda liar: _rewritten(liar, act="sign-anything")),
    _order("a promotion of nothing", lambda liar: _rewritten(liar, act="promote")),
    Message(
        "a thaw from before the freeze", lambda liar: _then(liar, _thaw(liar, at=_NOW - _DAY), "still", "tool", "2.0")
    ),
    Message(
        "a thaw of another channel",
        lambda liar: _then(liar, ordered(liar.farm, Act.THAW, "slow"), "still", "tool", "2.0"),
    ),
    Message(
        "a lift of another package",
        lambda liar: _then(liar, ordered(liar.farm, Act.LIFT, "edge", packages={"viral": None}), "edge", "kept", "2.0"),
    ),
    Message(
        "a retry of another build",
        lambda liar: _then(
            liar, ordered(liar.farm, Act.RETRY, "edge", packages={"tool": Digest.of(b"another")}), "edge", "tool", "1.0"
        ),
    ),
    Message("a rollback that was carried out", _used),
    Message("a retry that was withdrawn", lambda liar: _withdrawn(liar, withdrawn_first=False)),
    Message("a retry that was withdrawn before it came", lambda liar: _withdrawn(liar, withdrawn_first=True)),
    _order(
        "a stranger's withdrawal of an order",
        lambda liar: ordered(liar.farm, Act.WITHDRAW_ORDER, "twice", target=_kept(liar, Act.ROLLBACK)[1], key=MALLORY),
    ),
    _order(
        "a withdrawal of an order that was carried out",
        lambda liar: ordered(liar.farm, Act.WITHDRAW_ORDER, "twice", target=_kept(liar, Act.ROLLBACK)[1]),
    ),
    _order("a stranger's withdrawal of a submission", lambda _: _ordered_away(MALLORY)),
    _order("a withdrawal of a submission from one channel", lambda _: _ordered_away(ALICE, channel="edge")),
    _order(
        "the closing of a report, about another package",
        lambda liar: ordered(liar.farm, Act.CLOSE_REPORT, "edge", number=1, target=liar.package("lone").digest),
    ),
    Message("one that is known", lambda liar: liar.post("/orders", _kept(liar, Act.FREEZE)[0]), harmless=True),
)
"""Curators' orders."""


def _report(what: str, **said: Any) -> Message:
    def send(liar: Liar) -> httpx.Response:
        report = {"channel": "edge", "label": "lib 1.0", "package": liar.package("lib").digest, "reason": "it is ill"}
        return liar.post("/reports", canonical_json({**report, "report": 7, **said}))

    return Message(what, send)


def _other_package(liar: Liar) -> httpx.Response:
    """Claim that an open report is about another package."""
    report = {"channel": "edge", "label": "viral 1.0", "package": liar.package("viral").digest, "reason": "it is ill"}
    liar.post("/reports", canonical_json({**report, "report": 1}))
    return liar.ask(liar.compose("stable", liar.entry("reported")))


def _promoted(liar: Liar) -> httpx.Response:
    """Use a promotion that Alice has signed for a package with an open report."""
    edge = liar.farm.release("edge")
    assert edge is not None
    about = {"origin": "edge", "target": edge.digest, "packages": {"reported": None}}
    brought = ordered(liar.farm, Act.PROMOTE, "stable", **about)
    liar.post("/orders", brought)
    evidence = liar.evidence(orders=(kept_order(brought).digest,))
    return liar.ask(liar.compose("stable", liar.entry("reported")), evidence)


REPORTS = (
    Message("no JSON", lambda liar: liar.post("/reports", b"rubbish")),
    Message("nested JSON", lambda liar: liar.post("/reports", NESTED[: 8 << 10])),
    Message("too much", lambda liar: liar.post("/reports", b" " * (9 << 10))),
    _report("one of no package", package="lib"),
    _report("one without a number", report="seven"),
    _report("one with more in it", closed=True),
    Message("an open one, about another package", _other_package),
    Message("an open one, past which a promotion was ordered", _promoted),
)
"""Reports of trouble, which are unsigned."""
