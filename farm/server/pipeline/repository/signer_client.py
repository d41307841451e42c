"""The signer, as the pipeline calls it, and its clients over its Unix socket."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlencode

import httpx

from farm.core.names.digest import Digest
from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

    from farm.trust.index.advisory_index import AdvisoryIndex
    from farm.trust.index.release_index import Release
    from farm.trust.index.review_list import ReviewList

LONGEST_SIGNING = 1200.0
"""Seconds to wait for a release: longer than the signer waits for its checker, which may take 15 minutes.

A client that stopped earlier would never learn of a refusal, and would have the same release checked again.
"""
_SECONDS = 120.0
_NOTHING: Mapping[str, tuple[str, str]] = MappingProxyType({})


class SignerRefusedError(FarmError):
    """The signer checked a release, a list of advisories or an image, and did not sign it.

    `by_package` describes what is wrong with single packages of a release; empty if the refusal is about all of it.
    `said` is the code of the refusal. `lost_blobs` are missing from the public store, or damaged.
    """

    code = "signer-refused"

    def __init__(
        self,
        message: str,
        *,
        remedy: str = "",
        by_package: Mapping[str, tuple[str, str]] = _NOTHING,
        said: str = "",
        lost_blobs: tuple[Digest, ...] = (),
    ) -> None:
        super().__init__(message, remedy=remedy)
        self.lost_blobs = lost_blobs
        self.by_package = by_package
        self.said = said


class SignerUnreachableError(FarmError):
    """The signer, or its checker, does not answer: the release stays unpublished, and is tried again."""

    code = "signer-unreachable"


class OrderTaker(Protocol):
    """The process that keeps the ledger."""

    def take_order(self, envelope: bytes) -> None:
        """Take a signed order; one that is known already is fine. Raises a `FarmError` when refused."""

    def take_report(self, report: bytes) -> None:
        """Take a report; one that is known already is fine. Raises a `FarmError` when refused."""


class PreviewSigner(Protocol):
    """The process with the online keys, as previews need it."""

    def sign_preview(self, release: Release, *, base: str, until: datetime) -> None:
        """Sign a preview, a release of `preview-17`, on the channel `base`. Raises a `FarmError` if refused."""

    def remove_preview(self, number: int) -> None:
        """Remove what was signed for a preview."""


class Signer(OrderTaker, PreviewSigner, Protocol):
    """The process with the online keys: it checks a release itself, and makes it the newest of its channel."""

    def sign(self, release: Release, evidence: Digest) -> None:
        """Publish the release; does nothing if it is the newest already. Raises a `FarmError` if refused.

        `evidence` is a blob in the public store that lists what to check (`ReleaseEvidence`).
        """


class SignerClient:
    """The signer behind the socket at `path`."""

    def __init__(self, path: Path) -> None:
        self._http = _Socket(path)

    def sign(self, release: Release, evidence: Digest) -> None:
        """Ask for a release to be published; `evidence` is a blob of the repository that lists what to check.

        Raises `SignerRefusedError`, `SignerUnreachableError`.
        """
        self._http.post(f"/releases?evidence={evidence}", release.to_json(), LONGEST_SIGNING)

    def take_order(self, envelope: bytes) -> None:
        """Bring a curator's order, for the ledger. Raises `SignerRefusedError`, `SignerUnreachableError`."""
        self._http.post("/orders", envelope)

    def take_report(self, report: bytes) -> None:
        """Bring a report of trouble, for the ledger. Raises `SignerRefusedError`, `SignerUnreachableError`."""
        self._http.post("/reports", report)

    def sign_preview(self, release: Release, *, base: str, until: datetime) -> None:
        """Ask for a preview to be signed. Raises `SignerRefusedError`, `SignerUnreachableError`."""
        asked = urlencode({"base": base, "until": until.isoformat()})
        self._http.post(f"/previews?{asked}", release.to_json())  # not as long as for a release: those wait for this

    def remove_preview(self, number: int) -> None:
        """Ask for a preview to be removed. Raises `SignerRefusedError`, `SignerUnreachableError`."""
        self._http.post(f"/previews/{number}/remove", b"")

    def publish_advisories(self, index: AdvisoryIndex) -> None:
        """Ask for a list of advisories to be published. Raises `SignerRefusedError`, `SignerUnreachableError`."""
        self._http.post("/advisories", index.to_json())

    def publish_reviews(self, stated: ReviewList) -> None:
        """Ask for a record of reviews to be published. Raises `SignerRefusedError`, `SignerUnreachableError`."""
        self._http.post("/reviews", stated.to_json())


class ImageSignerClient:
    """The signer behind the socket at `path`, on which it takes only requests about images."""

    def __init__(self, path: Path) -> None:
        self._http = _Socket(path)

    def attest(self, asked: bytes) -> bytes:
        """Return the signed statement about an image, an `AskedImage` as JSON. Raises as `SignerClient`."""
        return self._http.post("/images", asked)


class _Socket:
    def __init__(self, path: Path) -> None:
        self._http = httpx.Client(
            transport=httpx.HTTPTransport(uds=str(path)), base_url="http://signer", timeout=_SECONDS
        )

    def post(self, path: str, content: bytes, seconds: float = _SECONDS) -> bytes:
        try:
            answer = self._http.post(path, content=content, timeout=httpx.Timeout(_SECONDS, read=seconds))
        except httpx.HTTPError as error:
            raise SignerUnreachableError(f"the signer does not answer: {error or type(error).__name__}") from error
        if answer.status_code == 409:
            refusal = answer.json()
            raise SignerRefusedError(
                refusal["message"],
                remedy=refusal["remedy"],
                by_package={name: (why, remedy) for name, (why, remedy) in refusal.get("packages", {}).items()},
                said=refusal["code"],
                lost_blobs=tuple(map(Digest, refusal.get("blobs", ()))),
            )
        if answer.status_code == 503:
            waits = answer.json()
            raise SignerUnreachableError(waits["message"], remedy=waits["remedy"])
        if answer.status_code != 200:
            raise SignerUnreachableError(f"the signer answered with status {answer.status_code}")
        return answer.content
