"""The results that testers sign: of package tests, and of comparisons of interfaces.

A statement names the whole order by its digest, and every package that was present by descriptor and tree. So the
result for one set of packages is never taken for that of another.

A test is in-toto's test-result v0.1. A comparison neither passes nor fails: its result lists what has changed for
programs built against the older library, in a statement of the farm's own type. The log of either is named by a field
of its own: it is the log that the tester has stored and uploaded.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from farm.core.names.digest import Digest, InvalidDigestError
from farm.core.plan.abi import AbiOutcome
from farm.core.plan.job import TestOutcome
from farm.errors import FarmError
from farm.trust.attestation.dsse import open_envelope, unverified_statement
from farm.trust.attestation.in_toto import digest_of, digest_set, make_statement, predicate_type_of, resource

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from securesystemslib.signer import Key

    from farm.core.plan.abi import AbiOrder
    from farm.core.plan.job import DependencyArchive, TestOrder

Outcome = TypeVar("Outcome", TestOutcome, AbiOutcome)
TEST_RESULT = "https://in-toto.io/attestation/test-result/v0.1"
ABI_RESULT = "urn:farm:abi-comparison:1"
_PASSED, _FAILED = "PASSED", "FAILED"
_TESTER = "urn:farm:tester:"
_LISTED = (
    "Do not count it. Whose results count is in the signed list: `farm keys show`; "
    "its owner adds to it with `farm keys draft targets --allow-tester`."
)


class InvalidResultError(FarmError):
    """A signed statement is not the result of exactly this order."""

    code = "invalid-result"

    def __init__(self, why: str) -> None:
        super().__init__(
            f"the signed result is not that of the order: {why}",
            remedy="Do not count it; look at the tester that signed it.",
        )


@dataclass(frozen=True, slots=True)
class TesterRun:
    """The circumstances in which a tester carried an order out. `tester` is its key id, times are RFC 3339 in UTC.

    `runtime` names the engine and the runtime that the commands ran under.
    """

    tester: str
    attempt: str
    started: str
    finished: str
    runtime: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Material:
    """One input of a job: the order, a package (with its tree) or a toolchain."""

    name: str
    digest: Digest
    tree: Digest | None = None

    @classmethod
    def of(cls, package: DependencyArchive) -> _Material:
        """Return the material of a package: by the digest of its descriptor."""
        return cls(package.store, package.descriptor, package.tree)

    def to_dict(self) -> dict[str, Any]:
        """Return a resource descriptor of in-toto."""
        return resource(self.name, self.digest) | ({"annotations": {"tree": self.tree}} if self.tree else {})


def _statement(
    kind: str,
    *,
    subject: _Material,
    materials: Iterable[_Material],
    run: TesterRun,
    log: Digest,
    result: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the in-toto statement of predicate type `kind` with the result of an order."""
    predicate = {
        **result,
        "configuration": [material.to_dict() for material in materials],
        "log": digest_set(log),
        "tester": {"id": f"{_TESTER}{run.tester}", "version": dict(run.runtime)},
        "metadata": {"invocationId": run.attempt, "startedOn": run.started, "finishedOn": run.finished},
    }
    return make_statement(kind, [subject.to_dict()], predicate)


@dataclass(frozen=True, slots=True)
class _Signed:
    """What a tester has signed about the expected order; `result` is the whole predicate."""

    run: TesterRun
    log: Digest
    result: Mapping[str, Any]


def _open_result(
    content: bytes, testers: Mapping[str, Key], *, kind: str, subject: _Material, materials: Iterable[_Material]
) -> _Signed:
    """Return what one of these testers (by key id) has signed about the order with these materials.

    Raises `InvalidResultError`, or `InvalidEnvelopeError` if no key of theirs has signed.
    """
    statement, key = open_envelope(content, testers, remedy=_LISTED)
    if (found := predicate_type_of(statement)) != kind:
        raise InvalidResultError(f"it is a statement of the type {found[:100]!r}")
    try:
        (about,) = statement["subject"]
        predicate = statement["predicate"]
        named = [_read_material(material) for material in predicate["configuration"]]
        tester, metadata = predicate["tester"], predicate["metadata"]
        signed = _Signed(
            TesterRun(
                tester=str(tester["id"]).removeprefix(_TESTER),
                attempt=str(metadata["invocationId"]),
                started=str(metadata["startedOn"]),
                finished=str(metadata["finishedOn"]),
                runtime={str(name): str(value) for name, value in tester["version"].items()},
            ),
            digest_of(predicate["log"]),
            predicate,
        )
        if _read_material(about) != subject:
            raise InvalidResultError(f"it is about {str(about.get('name'))[:200]}, and {subject.name} was ordered")
    except (LookupError, TypeError, ValueError, AttributeError, InvalidDigestError) as error:
        raise InvalidResultError(f"the statement cannot be read: {error}") from error
    wanted = list(materials)
    if named != wanted:
        other = next((material.name for material in wanted if material not in named), "nothing else")
        raise InvalidResultError(f"it was made of other things than ordered: {other} is not among them")
    if tester["id"] != f"{_TESTER}{key.keyid}":
        raise InvalidResultError(f"it names {str(tester['id'])[:100]} as its tester, and {key.keyid} signed it")
    return signed


def order_named_in(content: bytes) -> Digest | None:
    """Return the digest of the order that a statement names, without verifying it; None if it names none."""
    try:
        return digest_of(unverified_statement(content)["predicate"]["configuration"][0])
    except (LookupError, TypeError, FarmError):
        return None


def _read_material(form: Mapping[str, Any]) -> _Material:
    tree = form.get("annotations", {}).get("tree")
    return _Material(str(form["name"]), digest_of(form), Digest(tree) if tree else None)


@dataclass(frozen=True, slots=True)
class VerifiedResult(Generic[Outcome]):
    """What a tester has signed about one order: the outcome, and its run."""

    outcome: Outcome
    run: TesterRun


def result_statement(order: TestOrder, outcome: TestOutcome, run: TesterRun) -> dict[str, Any]:
    """Return the in-toto statement with the outcome of the test of this order."""
    name = [order.test.name]
    result = {
        "result": _PASSED if outcome.passed else _FAILED,
        "passedTests": name if outcome.passed else [],
        "failedTests": [] if outcome.passed else name,
        "exit": outcome.exit,
        "message": outcome.message,
    }
    return _statement(
        TEST_RESULT,
        subject=_test_subject(order),
        materials=_test_materials(order),
        run=run,
        log=outcome.log,
        result=result,
    )


def verify_test_result(content: bytes, testers: Mapping[str, Key], *, order: TestOrder) -> VerifiedResult[TestOutcome]:
    """Return what one of these testers (by key id) has signed about exactly this test among exactly these packages.

    Raises `InvalidResultError`, or `InvalidEnvelopeError` if no key of theirs has signed.
    """
    signed = _open_result(
        content, testers, kind=TEST_RESULT, subject=_test_subject(order), materials=_test_materials(order)
    )
    said = signed.result
    passed = said.get("result") == _PASSED
    names = {_PASSED: ([order.test.name], []), _FAILED: ([], [order.test.name])}.get(str(said.get("result")))
    if names is None or (said.get("passedTests"), said.get("failedTests")) != names:
        raise InvalidResultError(f"it names {order.test.name!r} neither as passed nor as failed")
    exit_code, message = said.get("exit"), said.get("message")
    if type(exit_code) is not int or not isinstance(message, str):
        raise InvalidResultError("it lacks the exit code or the message of the test")
    return VerifiedResult(TestOutcome(passed, exit_code, message, signed.log), signed.run)


def _test_subject(order: TestOrder) -> _Material:
    store = next((archive.store for archive in order.closure if archive.descriptor == order.subject), "")
    return _Material(store, order.subject)


def _test_materials(order: TestOrder) -> list[_Material]:
    return [_Material("test-order", order.digest), *map(_Material.of, order.closure)]


def abi_statement(order: AbiOrder, outcome: AbiOutcome, run: TesterRun) -> dict[str, Any]:
    """Return the in-toto statement with the outcome of the comparison of this order."""
    result = {"outcome": replace(outcome, attestation=None).to_dict()}
    subject = _Material.of(order.after.package)
    return _statement(
        ABI_RESULT, subject=subject, materials=_abi_materials(order), run=run, log=outcome.log, result=result
    )


def verify_abi_result(content: bytes, testers: Mapping[str, Key], *, order: AbiOrder) -> VerifiedResult[AbiOutcome]:
    """Return what one of these testers (by key id) has signed about the comparison of exactly these builds.

    Raises `InvalidResultError`, or `InvalidEnvelopeError` if no key of theirs has signed.
    """
    subject = _Material.of(order.after.package)
    signed = _open_result(content, testers, kind=ABI_RESULT, subject=subject, materials=_abi_materials(order))
    try:
        outcome = AbiOutcome.from_dict(signed.result.get("outcome"))
    except FarmError as error:
        raise InvalidResultError(f"its outcome cannot be read: {error.message}") from error
    if outcome.attestation is not None or outcome.log != signed.log:
        raise InvalidResultError("it names two logs, or another statement")
    return VerifiedResult(outcome, signed.run)


def _abi_materials(order: AbiOrder) -> list[_Material]:
    archives = (archive for side in (order.before, order.after) for archive in side.archives)
    return [
        _Material("comparison-order", order.digest),
        _Material("toolchain", order.toolchain),
        *map(_Material.of, archives),
    ]
