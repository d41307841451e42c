"""Outcomes of tests and comparisons with an honest tester's statement, and with another tester's."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from farm.core.plan.abi import AbiOrder, AbiOutcome
from farm.core.plan.job import TestOutcome
from farm.trust.attestation.dsse import sign_statement
from farm.trust.attestation.tester_results import TesterRun, abi_statement, result_statement

if TYPE_CHECKING:
    from securesystemslib.signer import CryptoSigner

    from farm.core.plan.job import TestOrder
    from farm.store.blobs import BlobStore

Outcome = TypeVar("Outcome", TestOutcome, AbiOutcome)


def run_by(signer: CryptoSigner) -> TesterRun:
    return TesterRun(
        tester=signer.public_key.keyid,
        attempt="attempt-1",
        started="2026-11-24T12:00:00Z",
        finished="2026-11-24T12:00:01Z",
        runtime={"docker": "27", "runtime": "runc"},
    )


def envelope_of(order: TestOrder | AbiOrder, outcome: TestOutcome | AbiOutcome, signer: CryptoSigner) -> bytes:
    if isinstance(order, AbiOrder):
        assert isinstance(outcome, AbiOutcome)
        return sign_statement(abi_statement(order, outcome, run_by(signer)), signer)
    assert isinstance(outcome, TestOutcome)
    return sign_statement(result_statement(order, outcome, run_by(signer)), signer)


def attested(store: BlobStore, order: TestOrder | AbiOrder, outcome: Outcome, signer: CryptoSigner) -> Outcome:
    """The outcome with a statement about it signed by this key; its log is put into the store."""
    outcome = replace(outcome, log=store.put_bytes(b"log"))
    return replace(outcome, attestation=store.put_bytes(envelope_of(order, outcome, signer)))
