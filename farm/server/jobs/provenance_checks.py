"""Checks that a worker has signed what it reports, with the key that holds the lease."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from securesystemslib.signer import SSlibKey

from farm.trust.attestation.provenance import ProvenanceError, describe, read_consumed, verify_provenance
from farm.trust.attestation.tester_results import InvalidResultError, verify_abi_result, verify_test_result

if TYPE_CHECKING:
    from collections.abc import Sequence

    from securesystemslib.signer import Key

    from farm.core.names.digest import Digest
    from farm.core.package.descriptor import Descriptor
    from farm.core.plan.abi import AbiOrder, AbiOutcome
    from farm.core.plan.consumption import Consumption
    from farm.core.plan.job import TestOrder, TestOutcome
    from farm.server.tables.records import Worker


def check_with_workers_key(
    envelope: bytes, worker: Worker, packages: Sequence[Descriptor], recipe: Digest, build: int
) -> tuple[Consumption, ...]:
    """Check the provenance of all outputs of a build from `recipe` by `worker`, under its build number.

    It must name these packages and no others: the signer requires the same of the provenance of a rebuild. Returns what
    the build states to have opened. Raises `ProvenanceError`, or `InvalidEnvelopeError` if another key signed.
    """
    key = key_of(worker)
    for descriptor in packages:
        verified = verify_provenance(envelope, {key.keyid: key}, descriptor, recipe)
        if verified.build != build:
            raise ProvenanceError(
                describe(descriptor),
                f"it has build number {verified.build}, but the lease has build number {build}",
            )
        if beyond := verified.outputs - {package.digest for package in packages}:
            raise ProvenanceError(
                describe(descriptor), f"it also lists the output {min(beyond)}, which the worker did not report"
            )
    return read_consumed(envelope, {key.keyid: key})


def check_test_result(envelope: bytes, worker: Worker, order: TestOrder, outcome: TestOutcome) -> str:
    """Check that `worker` has signed the result of this test that it reports; return its key's id.

    Raises `InvalidResultError`, or `InvalidEnvelopeError` if another key signed.
    """
    key = key_of(worker)
    signed = verify_test_result(envelope, {key.keyid: key}, order=order).outcome
    _check_same(signed, replace(outcome, attestation=None))
    return key.keyid


def check_abi_result(envelope: bytes, worker: Worker, order: AbiOrder, outcome: AbiOutcome) -> str:
    """Check that `worker` has signed the result of this comparison that it reports; return its key's id.

    Raises as `check_test_result`.
    """
    key = key_of(worker)
    signed = verify_abi_result(envelope, {key.keyid: key}, order=order).outcome
    _check_same(signed, replace(outcome, attestation=None))
    return key.keyid


def key_of(worker: Worker) -> Key:
    """Return the key that a worker signs with, under the id that all its signatures carry."""
    return SSlibKey.from_crypto(Ed25519PublicKey.from_public_bytes(bytes.fromhex(worker.public_key)))


def _check_same(signed: TestOutcome | AbiOutcome, reported: TestOutcome | AbiOutcome) -> None:
    if signed != reported:
        raise InvalidResultError("the worker reports another outcome than it has signed")
