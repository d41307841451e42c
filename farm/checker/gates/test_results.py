"""The results of tests that listed testers have signed, from the evidence of a release."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, TypeVar

from farm.checker.reading.published_documents import PublishedDocuments
from farm.checker.reading.test_record import PassedTest
from farm.core.names.digest import Digest
from farm.core.plan.job import TestOrder
from farm.errors import FarmError
from farm.trust.attestation.tester_results import verify_test_result
from farm.trust.blob_limits import LARGEST_ENVELOPE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from securesystemslib.signer import Key

    from farm.core.recipe.recipe import Limits, Test
    from farm.signing.evidence import SignedTest
    from farm.store.blobs import BlobStore
    from farm.trust.metadata.builders import AllowedBuilders

_Result = TypeVar("_Result")


def identity(test: Test, subject: Digest, limits: Limits, there: Iterable[tuple[str, Digest, Digest]]) -> Digest:
    """Return the common part of all orders of one test.

    `there` are the packages present, each by store path, descriptor and tree.
    """
    packages = [list(package) for package in there]
    return Digest.of_json({"test": test.to_dict(), "subject": subject, "limits": limits.to_dict(), "there": packages})


def _identity_of(order: TestOrder) -> Digest | None:
    """Return the identity of the ordered test; None for an order that nothing can have expected.

    An order is unverified input: it may hold numbers and text that have no canonical form, or no name.
    """
    name: object = order.test.name
    if not isinstance(name, str):
        return None
    try:
        there = [(archive.store, archive.descriptor, archive.tree) for archive in order.closure]
        return identity(order.test, order.subject, order.limits, there)
    except (FarmError, ValueError, TypeError, AttributeError, RecursionError):
        return None


def verified_results(
    signed: SignedTest, described: PublishedDocuments, verify: Callable[[bytes], _Result]
) -> Iterator[_Result]:
    """Yield the results that `verify` accepts, of one test or comparison. Anything else is ignored."""
    for digest in signed.results:
        try:
            result = verify(described.within(digest, LARGEST_ENVELOPE))
        except FarmError:
            continue
        yield result


class ListedResults:
    """The results of listed testers in the evidence. Anything else is ignored."""

    def __init__(
        self, brought: Iterable[SignedTest], builders: AllowedBuilders, channel: str, blobs: BlobStore
    ) -> None:
        self.testers: Mapping[str, Key] = builders.testers or {}
        self.needed = builders.testers_needed(channel)
        self._brought = brought
        self._described = PublishedDocuments(blobs)

    def agree(self, test: Digest, *, passed: bool) -> bool:
        """Return whether enough testers have signed that a test, by its identity, passed, or that it failed."""
        return len(self._who(test, passed=passed)) >= self.needed

    def passed(self, tests: Iterable[PassedTest] | None = None) -> tuple[PassedTest, ...]:
        """Return those of these tests, or of all with results, that enough testers have passed."""
        named = self._named() if tests is None else tests
        found = (replace(test, testers=self._who(test.test, passed=True)) for test in named)
        return tuple(test for test in found if len(test.testers) >= self.needed)

    def _named(self) -> Iterator[PassedTest]:
        for test, orders in self._by_test.items():
            order, _ = orders[0]
            try:
                package = self._described.descriptor(order.subject).name.short
            except FarmError:  # the blob may be lost
                package = ""
            yield PassedTest(test, package=package, name=order.test.name)

    def _who(self, test: Digest, *, passed: bool) -> frozenset[str]:
        return frozenset(
            result.run.tester
            for order, signed in self._by_test.get(test, ())
            for result in verified_results(
                signed, self._described, partial(verify_test_result, testers=self.testers, order=order)
            )
            if result.outcome.passed is passed
        )

    @cached_property
    def _by_test(self) -> Mapping[Digest, list[tuple[TestOrder, SignedTest]]]:
        orders: dict[Digest, list[tuple[TestOrder, SignedTest]]] = {}
        for signed in self._brought:
            order = self._described.job_order(signed.order, TestOrder.from_dict)
            if order is not None and (test := _identity_of(order)) is not None:
                orders.setdefault(test, []).append((order, signed))
        return orders
