"""The worker's signature under what a test or a comparison came to."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from farm.trust.attestation.dsse import sign_statement
from farm.trust.attestation.tester_statement import TesterRun

if TYPE_CHECKING:
    from collections.abc import Mapping

    from farm.build.attempt.build_host import Workshop
    from farm.container.attempt_directory import AttemptDirectory
    from farm.core.names.digest import Digest


def time_now() -> str:
    """Return the time as statements have it."""
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def ended_run(workshop: Workshop, attempt: AttemptDirectory, started: str) -> TesterRun:
    """Return the circumstances of a trial that has just ended."""
    return TesterRun(
        tester=workshop.signer.public_key.keyid,
        attempt=attempt.name,
        started=started,
        finished=time_now(),
        runtime=workshop.sandbox.describe(),
    )


def attest(workshop: Workshop, statement: Mapping[str, Any]) -> Digest:
    """Sign a statement with the worker's key and keep it; return the digest of the envelope."""
    return workshop.store.put_bytes(sign_statement(statement, workshop.signer))
