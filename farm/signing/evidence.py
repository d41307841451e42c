"""The evidence that the pipeline brings with a release for the checker: statements and packages, by digest.

It need not be trusted: everything in it is verified when it is read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.core.names.digest import Digest
from farm.core.names.form import Form
from farm.core.plan.job import BlobRef
from farm.errors import FarmError
from farm.trust.verification.release_proof import ReleaseProof

if TYPE_CHECKING:
    from collections.abc import Iterator

LARGEST_EVIDENCE = 256 << 20
"""Bytes of the canonical JSON: about a kilobyte for each package that is built against."""


class InvalidEvidenceError(FarmError):
    """The evidence for a release cannot be read."""

    code = "invalid-evidence"


@dataclass(frozen=True, slots=True)
class BuiltAgainst(Form, record="package that others were built against"):
    """A package that others were built against, released or not: what is needed to check its build."""

    descriptor: BlobRef
    facts: BlobRef
    manifest: BlobRef
    provenance: BlobRef
    recipe: Digest

    @property
    def blobs(self) -> Iterator[BlobRef]:
        """Every blob that it names."""
        yield from (self.descriptor, self.facts, self.manifest, self.provenance)


@dataclass(frozen=True, slots=True)
class SignedTest(Form, record="signed test"):
    """The results of one test or comparison: the order, and the statements that testers have signed."""

    order: Digest
    results: tuple[Digest, ...]


@dataclass(frozen=True, slots=True)
class ReleaseEvidence(
    Form,
    record="evidence for a release",
    keys={"proofs": "abroad"},
    omitted={"comparisons", "proofs", "rebuilt"},
    constants={"format": 1},
):
    """The evidence for a release.

    `dependencies` are the packages that the new packages of a release were built against, and those that these were
    built against in turn; `submissions` the envelopes in which people have signed recipes, and `approvals` those in
    which curators have let packages into the channel, or out of it. `tests` are the testers' signed results for the
    set, and for the one before; `comparisons` those of interfaces. `rebuilt` are later builds with exactly the files of
    a package of the set, newest first: the package is compatible with whatever any of them was built against. `orders`
    names the curators' orders that the release is to use up: their content is in the signer's ledger. `proofs` show
    that other distributions have signed the new imports.
    """

    dependencies: tuple[BuiltAgainst, ...] = ()
    submissions: tuple[Digest, ...] = ()
    approvals: tuple[Digest, ...] = ()
    tests: tuple[SignedTest, ...] = ()
    comparisons: tuple[SignedTest, ...] = ()
    rebuilt: tuple[BuiltAgainst, ...] = ()
    orders: tuple[Digest, ...] = ()
    proofs: tuple[ReleaseProof, ...] = ()

    @classmethod
    def from_json(cls, content: bytes) -> ReleaseEvidence:
        """Read canonical JSON, which is a blob that the request to sign names. Raises `InvalidEvidenceError`."""
        return cls.read_json(content, InvalidEvidenceError)
