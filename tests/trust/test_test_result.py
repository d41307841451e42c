"""Signed results of tests and comparisons: their content, and that nothing else counts for what was ordered."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from securesystemslib.signer import CryptoSigner

from farm.core.names.digest import Digest
from farm.core.plan.abi import AbiOrder, AbiOutcome, AbiSide, AbiVerdict, UndescribedSymbols
from farm.core.plan.job import BlobRef, DependencyArchive, TestOrder, TestOutcome
from farm.core.recipe.recipe import Limits, Test
from farm.trust.attestation.dsse import InvalidEnvelopeError, sign_statement
from farm.trust.attestation.tester_results import (
    ABI_RESULT,
    InvalidResultError,
    abi_statement,
    result_statement,
    verify_abi_result,
    verify_test_result,
)
from tests.server.signed_results import envelope_of, run_by

if TYPE_CHECKING:
    from collections.abc import Callable

ONE, TWO = CryptoSigner.generate_ed25519(), CryptoSigner.generate_ed25519()
TESTERS = {ONE.public_key.keyid: ONE.public_key}


def package(name: str) -> DependencyArchive:
    tree = Digest.of(f"tree of {name}".encode())
    return DependencyArchive(
        tree, f"{name}-1.0-{tree.store_key}", BlobRef(Digest.of(b"a"), 1), BlobRef(tree, 1), Digest.of(name.encode())
    )


JQ, LIBC = package("jq"), package("libc")
ORDER = TestOrder(Test("prints", command=("jq", "-n", "1")), JQ.descriptor, (JQ, LIBC), Limits())
PASSED = TestOutcome(passed=True, exit=0, message="", log=Digest.of(b"log"))
FAILED = TestOutcome(passed=False, exit=5, message="it ended with status 5, not 0", log=Digest.of(b"log"))
SIDE = AbiSide("lib/libjq.so.1", JQ, package("jq-debug"), (package("jq-dev"),))
COMPARISON = AbiOrder(replace(SIDE, package=package("jq-old")), SIDE, Digest.of(b"abi tools"), Limits())
CHANGED = AbiOutcome(AbiVerdict.CHANGED, 4, Digest.of(b"log"), ("1 Changed",), "", UndescribedSymbols(1, ("f",)))


def test_a_statement_is_a_test_result_as_in_toto_has_it() -> None:
    statement = result_statement(ORDER, FAILED, run_by(ONE))
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["predicateType"] == "https://in-toto.io/attestation/test-result/v0.1"
    assert statement["subject"] == [{"name": JQ.store, "digest": {"sha256": JQ.descriptor.hex}}]
    predicate = statement["predicate"]
    assert predicate["result"] == "FAILED"
    assert (predicate["passedTests"], predicate["failedTests"]) == ([], ["prints"])
    assert predicate["log"] == {"digest": {"sha256": FAILED.log.hex}}
    assert predicate["configuration"] == [
        {"name": "test-order", "digest": {"sha256": Digest.of_json(ORDER.to_dict()).hex}},
        *(
            {"name": placed.store, "digest": {"sha256": placed.descriptor.hex}, "annotations": {"tree": placed.tree}}
            for placed in (JQ, LIBC)
        ),
    ]
    assert predicate["tester"]["id"] == f"urn:farm:tester:{ONE.public_key.keyid}"


@pytest.mark.parametrize("outcome", [PASSED, FAILED])
def test_a_result_is_read_as_it_was_signed(outcome: TestOutcome) -> None:
    read = verify_test_result(envelope_of(ORDER, outcome, ONE), TESTERS, order=ORDER)
    assert (read.outcome, read.run) == (outcome, run_by(ONE))


def test_a_result_by_nobody_who_is_listed_is_refused() -> None:
    with pytest.raises(InvalidEnvelopeError, match="no allowed key"):
        verify_test_result(envelope_of(ORDER, PASSED, TWO), TESTERS, order=ORDER)


def test_who_signs_in_anothers_name_is_refused() -> None:
    statement = result_statement(ORDER, PASSED, run_by(TWO))
    with pytest.raises(InvalidResultError, match="as its tester"):
        verify_test_result(sign_statement(statement, ONE), TESTERS, order=ORDER)


@pytest.mark.parametrize(
    "order",
    [
        replace(ORDER, test=Test("prints", command=("jq", "-n", "2"))),
        replace(ORDER, limits=replace(Limits(), minutes=1)),
        replace(ORDER, closure=(JQ,)),
        replace(ORDER, closure=(LIBC, JQ)),
        replace(ORDER, closure=(JQ, replace(LIBC, tree=Digest.of(b"another")))),
        replace(ORDER, closure=(JQ, replace(LIBC, descriptor=Digest.of(b"another")))),
        replace(ORDER, subject=LIBC.descriptor),
    ],
    ids=["test", "limits", "fewer", "order", "tree", "descriptor", "subject"],
)
def test_a_result_for_another_order_is_refused(order: TestOrder) -> None:
    with pytest.raises(InvalidResultError):
        verify_test_result(envelope_of(ORDER, PASSED, ONE), TESTERS, order=order)


EDITS: list[tuple[str, Callable[[dict[str, Any]], object]]] = [
    ("type", lambda s: s.update(_type="https://in-toto.io/Statement/v0.1")),
    ("predicate type", lambda s: s.update(predicateType="https://slsa.dev/provenance/v1")),
    ("no subject", lambda s: s.update(subject=[])),
    ("two subjects", lambda s: s.update(subject=s["subject"] * 2)),
    ("another subject", lambda s: s["subject"][0].update(digest={"sha256": "0" * 64})),
    ("a subject of another tree", lambda s: s["subject"][0].update(annotations={"tree": Digest.of(b"x")})),
    ("warned", lambda s: s["predicate"].update(result="WARNED")),
    ("passed and failed", lambda s: s["predicate"].update(result="FAILED")),
    ("another test", lambda s: s["predicate"].update(passedTests=["other"])),
    ("no configuration", lambda s: s["predicate"].pop("configuration")),
    ("less configuration", lambda s: s["predicate"]["configuration"].pop()),
    ("more configuration", lambda s: s["predicate"]["configuration"].append(s["predicate"]["configuration"][0])),
    ("a package of another tree", lambda s: s["predicate"]["configuration"][1].update(annotations={})),
    ("no log", lambda s: s["predicate"].pop("log")),
    ("a log that is none", lambda s: s["predicate"].update(log={"digest": {"sha256": "x"}})),
    ("no tester", lambda s: s["predicate"].pop("tester")),
    ("a tester that is none", lambda s: s["predicate"].update(tester={"id": None, "version": {}})),
    ("no times", lambda s: s["predicate"].pop("metadata")),
    ("a status that is none", lambda s: s["predicate"].update(exit=True)),
    ("a message that is none", lambda s: s["predicate"].update(message=None)),
    ("no predicate", lambda s: s.update(predicate=[])),
]


@pytest.mark.parametrize("edit", [case[1] for case in EDITS], ids=[case[0] for case in EDITS])
def test_what_says_something_else_is_refused_though_it_is_signed(edit: Callable[[dict[str, Any]], object]) -> None:
    statement = result_statement(ORDER, PASSED, run_by(ONE))
    edit(statement)
    with pytest.raises(InvalidResultError):
        verify_test_result(sign_statement(statement, ONE), TESTERS, order=ORDER)


def test_what_is_not_known_yet_does_not_matter() -> None:
    statement = result_statement(ORDER, PASSED, run_by(ONE))
    statement["later"] = statement["predicate"]["later"] = statement["predicate"]["configuration"][1]["later"] = 1
    assert verify_test_result(sign_statement(statement, ONE), TESTERS, order=ORDER).outcome == PASSED


def test_what_was_changed_after_signing_is_refused() -> None:
    envelope = json.loads(envelope_of(ORDER, FAILED, ONE))
    payload = base64.b64decode(envelope["payload"]).replace(b'"FAILED"', b'"PASSED"')
    envelope["payload"] = base64.b64encode(payload).decode()
    with pytest.raises(InvalidEnvelopeError):
        verify_test_result(json.dumps(envelope).encode(), TESTERS, order=ORDER)


def test_a_comparison_is_read_as_it_was_signed() -> None:
    assert abi_statement(COMPARISON, CHANGED, run_by(ONE))["predicateType"] == ABI_RESULT
    read = verify_abi_result(envelope_of(COMPARISON, CHANGED, ONE), TESTERS, order=COMPARISON)
    assert (read.outcome, read.run) == (CHANGED, run_by(ONE))
    with pytest.raises(InvalidEnvelopeError, match="no allowed key"):
        verify_abi_result(envelope_of(COMPARISON, CHANGED, TWO), TESTERS, order=COMPARISON)


@pytest.mark.parametrize(
    "order",
    [
        replace(COMPARISON, toolchain=Digest.of(b"other tools")),
        replace(COMPARISON, before=COMPARISON.after, after=COMPARISON.before),
        replace(COMPARISON, before=replace(COMPARISON.before, headers=())),
        replace(COMPARISON, after=replace(COMPARISON.after, package=LIBC)),
        replace(COMPARISON, rule=2),
    ],
    ids=["toolchain", "the other way", "headers", "package", "rule"],
)
def test_a_comparison_of_other_builds_is_refused(order: AbiOrder) -> None:
    with pytest.raises(InvalidResultError):
        verify_abi_result(envelope_of(COMPARISON, CHANGED, ONE), TESTERS, order=order)


@pytest.mark.parametrize(
    "edit",
    [
        lambda s: s["predicate"].pop("outcome"),
        lambda s: s["predicate"]["outcome"].update(verdict="fine"),
        lambda s: s["predicate"]["outcome"].update(log=Digest.of(b"another")),
        lambda s: s["predicate"]["outcome"].update(attestation=Digest.of(b"another")),
    ],
    ids=["none", "verdict", "log", "attestation"],
)
def test_a_comparison_that_came_to_nothing_known_is_refused(edit: Callable[[dict[str, Any]], object]) -> None:
    statement = abi_statement(COMPARISON, CHANGED, run_by(ONE))
    edit(statement)
    with pytest.raises(InvalidResultError):
        verify_abi_result(sign_statement(statement, ONE), TESTERS, order=COMPARISON)


def test_neither_passes_for_the_other() -> None:
    with pytest.raises(InvalidResultError, match="statement of the type"):
        verify_test_result(envelope_of(COMPARISON, CHANGED, ONE), TESTERS, order=ORDER)
    with pytest.raises(InvalidResultError, match="statement of the type"):
        verify_abi_result(envelope_of(ORDER, PASSED, ONE), TESTERS, order=COMPARISON)
