"""By whom a package of a release was built: each envelope is checked, and no builder counts twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.trust.attestation.provenance import ProvenanceError, describe, verify_provenance

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from securesystemslib.signer import Key

    from farm.core.names.digest import Digest
    from farm.core.package.descriptor import Descriptor


def verified_builder(content: bytes, allowed: Mapping[str, Key], descriptor: Descriptor, recipe: Digest) -> str:
    """Check one provenance of a package; return its builder's key id. Raises as `verify_provenance`."""
    return verify_provenance(content, allowed, descriptor, recipe).builder


def check_agreement(found: Collection[str], needed: int, descriptor: Descriptor, channel: str) -> None:
    """See that so many different builders have come to a package; raises `ProvenanceError`."""
    count = len(set(found))
    if count < needed:
        raise ProvenanceError(
            describe(descriptor),
            f"{channel} asks for {needed} builders who came to the same package, and there {_are(count)}",
        )


def _are(count: int) -> str:
    return "is 1" if count == 1 else f"are {count}"
