"""Releases that may be signed, requested with evidence that does not support them."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from farm.core.package.descriptor import Descriptor
from farm.signing.evidence import LARGEST_EVIDENCE, SignedTest
from farm.trust.attestation.approval import approval_statement
from farm.trust.attestation.dsse import sign_statement
from tests.attack.liar import MALLORY
from tests.attack.message import MISSING, NESTED, Message
from tests.farms.people import ALICE

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from farm.core.names.digest import Digest
    from tests.attack.liar import Liar


def _with(what: str, evidence: Callable[[Liar], object]) -> Message:
    """Ask for a release that may be signed with all its evidence, with other evidence."""
    return Message(what, lambda liar: liar.ask(liar.compose("edge", liar.entry("next")), evidence(liar)))  # type: ignore[arg-type]


def _approved(what: str, name: str, key: object, **said: object) -> Message:
    def send(liar: Liar) -> httpx.Response:
        descriptor = Descriptor.from_json(liar.read(liar.entry(name).descriptor))
        statement = approval_statement(descriptor, **({"channel": "stable", "curator": "alice"} | said))  # type: ignore[arg-type]
        kept = liar.keep(sign_statement(statement, key)).digest  # type: ignore[arg-type]
        return liar.ask(liar.compose("stable", liar.entry("lone")), liar.evidence(approvals=(kept,)))

    return Message(what, send)


def _large(liar: Liar) -> Digest:
    """A blob larger than the read limit, as a sparse file."""
    path = liar.path_of(MISSING)
    path.parent.mkdir(exist_ok=True)
    with path.open("wb") as file:
        os.truncate(file.fileno(), LARGEST_EVIDENCE + 1)
    return MISSING


EVIDENCE = (
    _with("no evidence", lambda liar: liar.evidence(dependencies=(), submissions=(), approvals=(), tests=())),
    _with("evidence that is no digest", lambda _: "x"),
    _with("evidence with a path for a digest", lambda _: "sha256:../../../keys/online/edge"),
    _with("evidence that is not there", lambda _: str(MISSING)),
    _with("evidence that is no JSON", lambda _: b"rubbish"),
    _with("evidence that is nested", lambda _: NESTED),
    _with("evidence that breaks off", lambda liar: liar.evidence().to_json()[:-100]),
    _with("evidence that is something else", lambda liar: liar.read(liar.entry("lib").descriptor)),
    _with("evidence of another format", lambda liar: liar.evidence().to_json().replace(b'"format":1', b'"format":2')),
    Message(
        "evidence that is too large",
        lambda liar: liar.ask(liar.compose("edge", liar.entry("broken", "2.0")), str(_large(liar))),
    ),
    _with("no submissions", lambda liar: liar.evidence(submissions=())),
    _with(
        "submissions that are none",
        lambda liar: liar.evidence(submissions=(liar.keep(b"rubbish").digest, liar.keep(NESTED).digest, MISSING)),
    ),
    _with("no tests", lambda liar: liar.evidence(tests=())),
    _with(
        "tests that are none",
        lambda liar: liar.evidence(tests=(SignedTest(liar.keep(NESTED).digest, (liar.keep(NESTED).digest,)),)),
    ),
    _with("tests whose order is not there", lambda liar: liar.evidence(tests=(SignedTest(MISSING, (MISSING,)),))),
    _approved("an approval by a stranger in a curator's name", "lone", MALLORY),
    _approved("an approval by a stranger", "lone", MALLORY, curator="mallory"),
    _approved("an approval for another channel", "lone", ALICE, channel="edge"),
    _approved("an approval of another package", "lib", ALICE),
    _approved("an approval of its removal", "lone", ALICE, removed=True),
    _approved("an approval to another distribution", "lone", ALICE, distribution="evil.example.org"),
    _approved("an approval of a time to come", "lone", ALICE, at=datetime.now(UTC) + timedelta(days=1)),
    _approved("an approval in another curator's name", "lone", ALICE, curator="bob"),
)
"""Messages with the evidence for a release."""
