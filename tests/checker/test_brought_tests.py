"""Nothing that is sent along with a signed release prevents a later one from being signed."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from securesystemslib.signer import CryptoSigner

from farm.signing.evidence import SignedTest
from farm.trust.attestation.dsse import sign_statement
from farm.trust.attestation.release_summary import evidence_of
from farm.trust.metadata.repository import Repository
from tests.checker.channel import Channel, opened_channel
from tests.checker.test_returning_tests import ALICE, owned

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TESTER = CryptoSigner.generate_ed25519()
TESTED = "tests: [{name: works, command: [/usr/bin/works]}]\n"
POLICY = b"gates: [proof, tests: {of: changed-and-dependents}]\n"


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


ORDERS = {
    "a huge limit": lambda order: order["limits"].update(minutes=2**60),
    "a float": lambda order: order["limits"].update(minutes=1.5),
    "more than any float": lambda order: order["limits"].update(minutes=1e400),
    "a lone surrogate": lambda order: order["test"].update(name="\ud800"),
    "one in a command": lambda order: order["test"].update(command=["\ud800"]),
    "one in a place": lambda order: order["closure"][0].update(store="\ud800"),
    "nested limits": lambda order: order["limits"].update(minutes=nested(900)),
    "a nested test": lambda order: order["test"].update(prints=nested(900)),
}


@pytest.fixture
def edge(tmp_path: Path) -> Channel:
    """A channel that has released `jq`, whose test has passed."""
    edge = owned(opened_channel(tmp_path, POLICY, testers=[TESTER]))
    recipe = edge.builder.recipe("jq", more=TESTED)
    edge.builder.sign("alice", ALICE, recipe)
    jq = edge.builder.build(recipe)
    edge.sign(jq, tests=[edge.builder.test("jq", ["jq"], TESTER)], submissions=tuple(edge.builder.submissions))
    return edge


def goes_on(edge: Channel) -> None:
    """Check that honest control can continue with a restarted checker, with or without the checker's record."""
    recipe = edge.builder.recipe("other")
    edge.builder.sign("alice", ALICE, recipe)
    other, before = edge.builder.build(recipe), edge.released
    for lost in (False, True):
        if lost:
            (edge.record.directory / "tests.sqlite").unlink()
        edge.decision = edge.deciding()
        edge.decision.prepare()
    edge.sign(other, submissions=tuple(edge.builder.submissions))
    assert edge.released == before + 1


@pytest.mark.parametrize("spoil", ORDERS.values(), ids=ORDERS)
def test_the_order_of_a_test_that_has_no_canonical_form(edge: Channel, spoil: Callable[[Any], object]) -> None:
    good = edge.builder.test("jq", ["jq"], TESTER)
    order = json.loads(edge.builder.blobs.read(good.order))
    spoil(order)
    bad = edge.builder.blobs.put_bytes(json.dumps(order).encode())
    edge.sign(tests=[SignedTest(bad, good.results)])
    goes_on(edge)


@pytest.mark.parametrize("name", [["works"], {"works": 1}, 2**53 - 1, None], ids=str)
def test_a_test_of_no_name_that_a_tester_has_passed_all_the_same(edge: Channel, name: Any) -> None:
    builder = edge.builder
    (test,) = builder.built["jq"].recipe.tests
    edge.sign(tests=[builder.test("jq", ["jq"], TESTER, test=replace(test, name=name))])
    goes_on(edge)


STATEMENTS = {
    "no object": [],
    "nothing": None,
    "a number": 1,
    "an empty one": {},
    "the first of all times": "0001-01-01T00:00:00+14:00",
    "the last": "9999-12-31T23:59:59-14:00",
}


@pytest.mark.parametrize("said", STATEMENTS.values(), ids=STATEMENTS)
def test_a_submission_that_says_nothing_that_can_be_reckoned_with(edge: Channel, said: Any) -> None:
    good = json.loads(edge.builder.blobs.read(edge.builder.submissions[0]))
    statement: Any = said
    if isinstance(said, str):
        statement = json.loads(base64.b64decode(good["payload"]))
        statement["predicate"]["time"] = said
    bad = edge.builder.blobs.put_bytes(sign_statement(statement, ALICE))
    jq = edge.builder.built["jq"]
    newer = edge.builder.recipe("jq", more=TESTED.replace("works]", "works, again]"))
    edge.builder.sign("alice", ALICE, newer)
    edge.sign(replace(jq, tests=newer.digest), submissions=(*edge.builder.submissions, bad))
    goes_on(edge)


@pytest.mark.parametrize("rubbish", [b"", b"[]", b"{}", b"[" * 100_000, b"\xff"])
def test_evidence_that_is_rubbish_by_now(edge: Channel, rubbish: bytes) -> None:
    evidence = evidence_of(Repository(edge.public).summary(edge.newest().digest) or b"")
    assert evidence
    path = edge.builder.blobs.path(evidence)
    path.unlink()
    path.write_bytes(rubbish)
    goes_on(edge)
