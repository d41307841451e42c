"""A tester's signed result is checked on arrival: signed by its own key, about exactly this lease, word for word."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from farm.core.names.digest import Digest
from farm.core.plan.abi import AbiOrder, AbiOutcome, AbiSide, AbiVerdict
from farm.core.plan.job import BlobRef, DependencyArchive, TestOrder, TestOutcome
from farm.core.recipe.recipe import Limits, Test
from farm.server.jobs import attempts, comparisons
from farm.server.jobs.comparisons import Comparison
from farm.server.jobs.finishing import finish_comparison, finish_test
from farm.server.jobs.job_actions import request_comparison, request_test
from farm.server.jobs.reported_packages import RefusedOutcomeError
from farm.server.tables.states import JobState
from farm.trust.attestation.dsse import InvalidEnvelopeError
from farm.trust.attestation.tester_results import InvalidResultError
from tests.farms.small import WORLD, SmallFarm, recipe
from tests.server.signed_results import attested

if TYPE_CHECKING:
    from farm.errors import FarmError
    from farm.server.jobs.leases import Lease
    from farm.server.tables.records import Attempt

PASSED = TestOutcome(passed=True, exit=0, message="", log=Digest.of(b"log"))
FAILED = TestOutcome(passed=False, exit=1, message="it broke", log=Digest.of(b"log"))


@pytest.fixture
def lease(farm: SmallFarm) -> Lease:
    """The lease of a test, held by the worker `one`."""
    farm.submit(recipe("a"))
    farm.build_all()
    package = farm.current()["a"]
    with farm.application.planning() as unit:
        request_test(unit, TestOrder(Test("works"), package.digest, (), Limits()), recipe="a", trace="t")
    return farm.claim("one")


def attempt_of(farm: SmallFarm, lease: Lease) -> Attempt:
    with farm.application.reading() as unit:
        found = attempts.attempt(unit.session, lease.attempt.id)
    assert found is not None
    return found


def signed(farm: SmallFarm, lease: Lease, outcome: TestOutcome, *, by: str = "one") -> TestOutcome:
    assert isinstance(lease.order, TestOrder)
    return attested(farm.application.blobs, lease.order, outcome, farm.signers[by])


@pytest.mark.parametrize(("outcome", "state"), [(PASSED, JobState.SUCCEEDED), (FAILED, JobState.FAILED)])
def test_a_signed_result_is_kept_with_whose_it_is(
    farm: SmallFarm, lease: Lease, outcome: TestOutcome, state: JobState
) -> None:
    reported = signed(farm, lease, outcome)
    assert finish_test(farm.application, farm.holder(lease), reported).state is state
    kept = attempt_of(farm, lease)
    assert (kept.attestation, kept.tester) == (reported.attestation, farm.signers["one"].public_key.keyid)


def test_an_unsigned_result_is_taken_and_bears_nobodys_name(farm: SmallFarm, lease: Lease) -> None:
    """As older workers report it."""
    assert finish_test(farm.application, farm.holder(lease), PASSED).state is JobState.SUCCEEDED
    assert (attempt_of(farm, lease).attestation, attempt_of(farm, lease).tester) == ("", "")


def refused(farm: SmallFarm, lease: Lease, lie: TestOutcome, error: type[FarmError], says: str) -> None:
    with pytest.raises(error, match=says):
        finish_test(farm.application, farm.holder(lease), lie)
    assert attempt_of(farm, lease).finished_at is None
    honest = signed(farm, lease, FAILED)
    assert finish_test(farm.application, farm.holder(lease), honest).state is JobState.FAILED


def test_anothers_signature_is_refused(farm: SmallFarm, lease: Lease) -> None:
    refused(farm, lease, signed(farm, lease, PASSED, by="two"), InvalidEnvelopeError, "no allowed key")


def test_a_result_for_another_order_is_refused(farm: SmallFarm, lease: Lease) -> None:
    assert isinstance(lease.order, TestOrder)
    tree = Digest.of(b"tree")
    more = DependencyArchive(tree, "b-1.0-x", BlobRef(tree, 1), BlobRef(tree, 1), Digest.of(b"b"))
    for other in (
        replace(lease.order, closure=(more,)),
        replace(lease.order, subject=more.descriptor),
        replace(lease.order, test=Test("easier")),
    ):
        lie = attested(farm.application.blobs, other, PASSED, farm.signers["one"])
        with pytest.raises(InvalidResultError):
            finish_test(farm.application, farm.holder(lease), lie)
    refused(farm, lease, lie, InvalidResultError, "made of other things")


def test_who_reports_another_thing_than_it_signed_is_refused(farm: SmallFarm, lease: Lease) -> None:
    lie = replace(PASSED, attestation=signed(farm, lease, FAILED).attestation)
    refused(farm, lease, lie, InvalidResultError, "reports another outcome than it has signed")


def test_a_result_whose_log_is_not_there_is_refused(farm: SmallFarm, lease: Lease) -> None:
    outcome = replace(signed(farm, lease, PASSED), log=Digest.of(b"nowhere"))
    refused(farm, lease, outcome, RefusedOutcomeError, "the log sha256:.* was not uploaded")


def test_a_result_that_is_not_there_is_refused(farm: SmallFarm, lease: Lease) -> None:
    log = farm.application.blobs.put_bytes(b"log")
    outcome = replace(PASSED, log=log, attestation=Digest.of(b"nowhere"))
    refused(farm, lease, outcome, RefusedOutcomeError, "the signed result sha256:.* was not uploaded")


def test_a_result_that_is_too_long_is_not_read(farm: SmallFarm, lease: Lease) -> None:
    log = farm.application.blobs.put_bytes(b"log")
    outcome = replace(PASSED, log=log, attestation=farm.application.blobs.put_bytes(bytes((4 << 20) + 1)))
    refused(farm, lease, outcome, RefusedOutcomeError, "more than")


@pytest.fixture
def comparison(farm: SmallFarm) -> Lease:
    digest = Digest.of(b"shape")
    archive = DependencyArchive(
        digest, f"shape-1-{digest.store_key}", BlobRef(digest, 1), BlobRef(digest, 1), Digest.of(b"descriptor")
    )
    side = AbiSide("lib/libshape.so.1", archive, archive)
    order = AbiOrder(side, replace(side, library="lib/libshape.so.1.1"), WORLD.toolchains["c"].tree, Limits())
    with farm.application.planning() as unit:
        request_comparison(unit, Comparison(order, "shape", "libshape.so.1"), trace="t")
    return farm.claim("one")


def test_a_signed_comparison_is_kept_and_a_lie_about_it_is_refused(farm: SmallFarm, comparison: Lease) -> None:
    order, store = comparison.order, farm.application.blobs
    assert isinstance(order, AbiOrder)
    changed = AbiOutcome(AbiVerdict.CHANGED, 4, Digest.of(b"log"), ("one\0line",))
    honest = attested(store, order, changed, farm.signers["one"])
    elsewhere = replace(order, toolchain=Digest.of(b"tools"))
    for lie in (
        replace(honest, verdict=AbiVerdict.COMPATIBLE),
        attested(store, order, changed, farm.signers["two"]),
        attested(store, elsewhere, changed, farm.signers["one"]),
    ):
        with pytest.raises((InvalidResultError, InvalidEnvelopeError)):
            finish_comparison(farm.application, farm.holder(comparison), lie)
    finish_comparison(farm.application, farm.holder(comparison), honest)
    kept = attempt_of(farm, comparison)
    assert (kept.attestation, kept.tester) == (honest.attestation, farm.signers["one"].public_key.keyid)
    with farm.application.reading() as unit:
        outcome = comparisons.comparison(unit.session, order.digest).outcome
    assert outcome is not None
    assert (outcome.verdict, outcome.attestation) == (AbiVerdict.CHANGED, honest.attestation)
