"""What the pipeline brings with a release for the checker: which statements and packages to look at. By digest, so that
it need not be believed: each is verified where it is read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from farm.core.names.canonical_json import canonical_json
from farm.core.names.digest import Digest, InvalidDigestError
from farm.core.names.json_reader import InvalidRecordError, Record
from farm.core.plan.job import BlobRef
from farm.errors import FarmError
from farm.trust.verification.release_proof import ShownRelease

if TYPE_CHECKING:
    from collections.abc import Iterator

FORMAT = 1
LARGEST_EVIDENCE = 256 << 20
"""Bytes of the canonical JSON: about a kilobyte for each package that is built against."""


class InvalidEvidenceError(FarmError):
    """Bytes that should name the evidence for a release do not."""

    code = "invalid-evidence"


@dataclass(frozen=True, slots=True)
class BuiltAgainst:
    """A package that others were built against, whether or not it was released: what is needed to check its build."""

    descriptor: BlobRef
    facts: BlobRef
    manifest: BlobRef
    provenance: BlobRef
    recipe: Digest

    @property
    def blobs(self) -> Iterator[BlobRef]:
        """Every blob that it names."""
        yield from (self.descriptor, self.facts, self.manifest, self.provenance)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "descriptor": self.descriptor.to_dict(),
            "facts": self.facts.to_dict(),
            "manifest": self.manifest.to_dict(),
            "provenance": self.provenance.to_dict(),
            "recipe": self.recipe,
        }

    @classmethod
    def from_dict(cls, value: Any) -> BuiltAgainst:
        """Read what `to_dict` gave; raises `InvalidRecordError`, `InvalidDigestError`."""
        record = Record(value, "package that others were built against")
        package = cls(
            descriptor=record.read("descriptor", BlobRef.from_dict),
            facts=record.read("facts", BlobRef.from_dict),
            manifest=record.read("manifest", BlobRef.from_dict),
            provenance=record.read("provenance", BlobRef.from_dict),
            recipe=record.digest("recipe"),
        )
        record.end()
        return package


@dataclass(frozen=True, slots=True)
class SignedTest:
    """What testers have signed of one test or comparison: the order that they were given, and their statements."""

    order: Digest
    results: tuple[Digest, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {"order": self.order, "results": list(self.results)}

    @classmethod
    def from_dict(cls, value: Any) -> SignedTest:
        """Read what `to_dict` gave; raises `InvalidRecordError`, `InvalidDigestError`."""
        record = Record(value, "signed test")
        test = cls(record.digest("order"), tuple(Digest(text) for text in record.texts("results")))
        record.end()
        return test


@dataclass(frozen=True, slots=True)
class ReleaseEvidence:
    """`dependencies` are the packages that the new packages of a release were built against, and those these were built
    against in turn; `submissions` the envelopes in which people have signed recipes, and `approvals` those in which
    curators have let packages into the channel, or out of it. `tests` is what testers have signed of the set, and of
    the one before; `comparisons` likewise of interfaces. `rebuilt` are later builds that came to the very files of a
    package of the set, the newest first: it fits whatever any of them was built against. `orders` names the curators'
    orders that the release is to use up: what they order is in the signer's ledger. `abroad` shows that other
    distributions have signed what is taken of them anew.
    """

    dependencies: tuple[BuiltAgainst, ...] = ()
    submissions: tuple[Digest, ...] = ()
    approvals: tuple[Digest, ...] = ()
    tests: tuple[SignedTest, ...] = ()
    comparisons: tuple[SignedTest, ...] = ()
    rebuilt: tuple[BuiltAgainst, ...] = ()
    orders: tuple[Digest, ...] = ()
    abroad: tuple[ShownRelease, ...] = ()

    def to_json(self) -> bytes:
        """Return the canonical JSON, which is a blob that the request to sign names."""
        form: dict[str, Any] = {
            "approvals": list(self.approvals),
            "dependencies": [dependency.to_dict() for dependency in self.dependencies],
            "format": FORMAT,
            "orders": list(self.orders),
            "submissions": list(self.submissions),
            "tests": [test.to_dict() for test in self.tests],
        }
        later: dict[str, tuple[SignedTest | BuiltAgainst | ShownRelease, ...]] = {
            "abroad": self.abroad,
            "comparisons": self.comparisons,
            "rebuilt": self.rebuilt,
        }
        return canonical_json(form | {key: [each.to_dict() for each in found] for key, found in later.items() if found})

    @classmethod
    def from_json(cls, content: bytes) -> ReleaseEvidence:
        """Read canonical JSON; raises `InvalidEvidenceError`."""
        try:
            form = json.loads(content)
            later: dict[str, Any] = {"abroad": [], "comparisons": [], "rebuilt": []}
            record = Record(later | form if isinstance(form, dict) else form, "evidence for a release")
            if (number := record.number("format")) != FORMAT:
                raise InvalidEvidenceError(f"the evidence has format {number}, this signer reads {FORMAT}")
            evidence = cls(
                dependencies=record.each("dependencies", BuiltAgainst.from_dict),
                submissions=tuple(Digest(text) for text in record.texts("submissions")),
                approvals=tuple(Digest(text) for text in record.texts("approvals")),
                tests=record.each("tests", SignedTest.from_dict),
                comparisons=record.each("comparisons", SignedTest.from_dict),
                rebuilt=record.each("rebuilt", BuiltAgainst.from_dict),
                orders=tuple(Digest(text) for text in record.texts("orders")),
                abroad=record.each("abroad", ShownRelease.from_dict),
            )
            record.end()
        except (ValueError, RecursionError, InvalidRecordError, InvalidDigestError) as error:
            raise InvalidEvidenceError(f"this is no evidence for a release: {error}") from error
        return evidence
