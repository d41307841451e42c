"""The signed result of a package test: in-toto's test-result v0.1, made by the worker that ran it.

Written by workers; read by the farm when a worker reports, and by whoever decides about a release. The log is named by
a field of its own, as the predicate type allows: it is the log that the tester has kept and uploaded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from farm.core.plan.job import TestOutcome
from farm.trust.attestation.tester_statement import (
    InvalidResultError,
    Material,
    TesterRun,
    open_result,
    tester_statement,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from securesystemslib.signer import Key

    from farm.core.plan.job import TestOrder

TEST_RESULT = "https://in-toto.io/attestation/test-result/v0.1"
_ORDER = "test-order"
_PASSED, _FAILED = "PASSED", "FAILED"


@dataclass(frozen=True, slots=True)
class TestResult:
    """What a tester has signed of one order: how the test ended, and in which run."""

    __test__ = False  # pytest would collect it for its name

    outcome: TestOutcome
    run: TesterRun


def result_statement(order: TestOrder, outcome: TestOutcome, run: TesterRun) -> dict[str, Any]:
    """Return the in-toto statement that the test of this order ended so, in this run."""
    name = [order.test.name]
    result = {
        "result": _PASSED if outcome.passed else _FAILED,
        "passedTests": name if outcome.passed else [],
        "failedTests": [] if outcome.passed else name,
        "exit": outcome.exit,
        "message": outcome.message,
    }
    return tester_statement(
        TEST_RESULT, subject=_subject(order), materials=_materials(order), run=run, log=outcome.log, result=result
    )


def verify_test_result(content: bytes, testers: Mapping[str, Key], *, order: TestOrder) -> TestResult:
    """Return what one of these testers (by key id) has signed of this very test among these very packages.

    Raises `InvalidResultError`, or `InvalidEnvelopeError` when no key of theirs has signed.
    """
    signed = open_result(content, testers, kind=TEST_RESULT, subject=_subject(order), materials=_materials(order))
    said = signed.result
    passed = said.get("result") == _PASSED
    names = {_PASSED: ([order.test.name], []), _FAILED: ([], [order.test.name])}.get(str(said.get("result")))
    if names is None or (said.get("passedTests"), said.get("failedTests")) != names:
        raise InvalidResultError(f"it says neither that {order.test.name!r} passed nor that it failed")
    exit_code, message = said.get("exit"), said.get("message")
    if type(exit_code) is not int or not isinstance(message, str):
        raise InvalidResultError("it does not say how the test ended")
    return TestResult(TestOutcome(passed, exit_code, message, signed.log), signed.run)


def _subject(order: TestOrder) -> Material:
    store = next((archive.store for archive in order.closure if archive.descriptor == order.subject), "")
    return Material(store, order.subject)


def _materials(order: TestOrder) -> list[Material]:
    return [Material(_ORDER, order.digest), *map(Material.of, order.closure)]
