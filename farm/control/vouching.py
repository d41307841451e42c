"""Whether a worker's signed provenance vouches for a package: signed by the very key that holds the lease."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from securesystemslib.signer import SSlibKey

from farm.trust.provenance import read_consumed, verify_provenance

if TYPE_CHECKING:
    from farm.database.records import Worker
    from farm.names import Digest
    from farm.package import Descriptor
    from farm.plan import Consumption


def check_with_workers_key(
    envelope: bytes, worker: Worker, descriptor: Descriptor, recipe: Digest
) -> tuple[Consumption, ...]:
    """Check the provenance of a package made from `recipe` by `worker`; return what its build says it opened.

    Raises `ProvenanceError`, or `InvalidEnvelopeError` when another key signed.
    """
    key = SSlibKey.from_crypto(Ed25519PublicKey.from_public_bytes(bytes.fromhex(worker.public_key)))
    verify_provenance(envelope, {key.keyid: key}, descriptor, recipe)
    return read_consumed(envelope, {key.keyid: key})
