"""The answers of the checker, which has no keys, to the signer: small values, each bound to its request's bytes.

The signer itself parses only the head of a release, orders and reports; the checker parses all else: packages, recipes,
advisories and images.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, Self

from farm.core.names.digest import Digest
from farm.core.names.form import Form
from farm.errors import FarmError

if TYPE_CHECKING:
    from farm.trust.attestation.image_request import AskedImage
    from farm.trust.index.release_index import Release

MOST_PROVENANCES = 1000
"""For more new packages than this, provenances are not listed: the index of the release names them."""


class InvalidCheckAnswerError(FarmError):
    """The checker's answer is malformed, or about something else."""

    code = "invalid-answer"

    def __init__(self, why: str) -> None:
        super().__init__(
            f"the checker's answer cannot be used: {why}",
            remedy="Nothing was signed. See that checker and signer are of one version; else do not trust the checker.",
        )


class Checked(StrEnum):
    """What was verified of a release: everything new in it, and its set as a whole."""

    PROVENANCE = "FARM_BUILT_BY_ALLOWED_BUILDERS"
    SET = "FARM_SET_PROVEN"
    PLANS = "FARM_PLANS_FOLLOW_FROM_RECIPES"
    OWNERS = "FARM_RECIPES_SIGNED_BY_OWNERS"
    GATES = "FARM_GATES_PASSED"
    TESTS = "FARM_TESTS_PASSED"


class _Answer(Form):
    __slots__ = ()

    @classmethod
    def from_json(cls, content: bytes) -> Self:
        """Read the result of `to_json`. Raises `InvalidCheckAnswerError`."""
        return cls.read_json(content, InvalidCheckAnswerError)


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedRelease(_Answer, record="verified release"):
    """A release may be signed; with what was checked.

    `previous` is the release that was in force, `policy` the signed document of builders and policy. `new` are the new
    packages, `provenances` those of their builds, by package; empty for more than `MOST_PROVENANCES`. `orders` are
    those in the signer's ledger that it uses up; by these it removes the packages that are `rolled_back`, and those
    that are `returned` come back after a rollback.
    """

    release: Digest
    previous: Digest | None
    policy: Digest
    evidence: Digest
    new: tuple[str, ...]
    provenances: tuple[tuple[str, Digest], ...]
    checked: tuple[Checked, ...]
    orders: tuple[Digest, ...] = ()
    rolled_back: tuple[Digest, ...] = ()
    returned: tuple[Digest, ...] = ()

    def check_about(self, release: Release) -> None:
        """Check that it is about exactly this release, and the one before. Raises `InvalidCheckAnswerError`."""
        if self.release != release.digest:
            raise InvalidCheckAnswerError(f"it is about {self.release}, and {release.digest} was asked about")
        # A release that is published already has itself as its previous one.
        if self.previous not in (release.previous, release.digest):
            raise InvalidCheckAnswerError(
                f"it was checked against {self.previous or 'nothing'}, and it follows {release.previous or 'nothing'}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedOrder(_Answer, record="checked order"):
    """The envelope of the digest `asked` holds an `order`, by digest, that the signer may write into its ledger."""

    asked: Digest
    order: Digest

    def check_about(self, envelope: bytes, order: Digest) -> None:
        """Check that it is about exactly this order. Raises `InvalidCheckAnswerError`."""
        if (self.asked, self.order) != (Digest.of(envelope), order):
            raise InvalidCheckAnswerError("it is about another order than was asked about")


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedLists(_Answer, record="checked list"):
    """The list of advisories, or of reviews, of the digest `asked` may be signed.

    `reviews` is the content of the target `reviews.json` that is published with it, None if that stays. `published` are
    the digests of the targets that it was compared with, by path.
    """

    asked: Digest
    reviews: bytes | None
    published: Mapping[str, str]

    def check_about(self, content: bytes) -> None:
        """Check that it is about exactly this list. Raises `InvalidCheckAnswerError`."""
        if self.asked != Digest.of(content):
            raise InvalidCheckAnswerError(f"it is about {self.asked}, and {Digest.of(content)} was asked about")


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedPreview(_Answer, record="checked preview"):
    """What a preview, the release `asked`, changes in the newest release `base` was built by allowed builders.

    `base` is None if the channel has no release.
    """

    asked: Digest
    base: Digest | None

    def check_about(self, release: Release) -> None:
        """Check that it is about exactly this preview. Raises `InvalidCheckAnswerError`."""
        if self.asked != release.digest:
            raise InvalidCheckAnswerError(f"it is about {self.asked}, and {release.digest} was asked about")


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedImage(_Answer, record="checked image"):
    """The image in the request `asked`: the digest of its manifest, and its bill of materials (SPDX, JSON)."""

    asked: Digest
    image: Digest
    sbom: bytes

    def check_about(self, asked: AskedImage) -> None:
        """Check that it is about exactly this image. Raises `InvalidCheckAnswerError`."""
        if self.asked != Digest.of(asked.to_json()):
            raise InvalidCheckAnswerError("it is about another image than was asked about")


class ReleaseChecker(Protocol):
    """Decides whether a release may be signed."""

    def check(self, release: Release, evidence: Digest) -> VerifiedRelease:
        """Return what was verified; `evidence` names the blob of the evidence. Raises a `FarmError` otherwise."""


class Checker(ReleaseChecker, Protocol):
    """All that the signer asks before it signs; each method raises a `FarmError` with the reason not to."""

    def check_order(self, envelope: bytes) -> CheckedOrder:
        """Check a curator's order, in its envelope."""

    def check_advisories(self, content: bytes) -> CheckedLists:
        """Check a list of advisories."""

    def check_reviews(self, content: bytes) -> CheckedLists:
        """Check a record of reviewed packages."""

    def check_preview(self, release: Release, base: str) -> CheckedPreview:
        """Check a preview against the newest release of the channel `base`."""

    def make_image(self, asked: AskedImage) -> CheckedImage:
        """Build the manifest and bill of materials of an image of released packages."""
