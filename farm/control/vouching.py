"""Whether a worker's signed provenance vouches for a package: signed by the very key that holds the lease."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from securesystemslib.signer import SSlibKey

from farm.trust.provenance import ProvenanceError, describe, read_consumed, verify_provenance

if TYPE_CHECKING:
    from farm.database.records import Worker
    from farm.names import Digest
    from farm.package import Descriptor
    from farm.plan import Consumption


def check_with_workers_key(
    envelope: bytes, worker: Worker, descriptor: Descriptor, recipe: Digest, build: int
) -> tuple[Consumption, ...]:
    """Check the provenance of a package made from `recipe` by `worker`, as the build of the number that it was given.

    Returns what its build says it opened. Raises `ProvenanceError`, or `InvalidEnvelopeError` when another key signed.
    """
    key = SSlibKey.from_crypto(Ed25519PublicKey.from_public_bytes(bytes.fromhex(worker.public_key)))
    vouched = verify_provenance(envelope, {key.keyid: key}, descriptor, recipe)
    if vouched.build != build:
        raise ProvenanceError(
            describe(descriptor),
            f"it names it build {vouched.build}, and it was leased as build {build}",
        )
    return read_consumed(envelope, {key.keyid: key})
