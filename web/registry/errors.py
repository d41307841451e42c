"""The registry's refusals, each with the code of the OCI distribution specification (1.1, "Error Codes")."""

from __future__ import annotations

import json
from enum import Enum
from typing import TYPE_CHECKING

from starlette.responses import Response

from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Iterable


class Refusal(Enum):
    """Why a request is refused, with the specification's code and the HTTP status."""

    NAME_INVALID = "registry-name-invalid", "NAME_INVALID", 400  # a name that is no list of packages of a channel
    NAME_UNKNOWN = "registry-name-unknown", "NAME_UNKNOWN", 404  # no such channel, or no such package in it
    MANIFEST_UNKNOWN = "registry-manifest-unknown", "MANIFEST_UNKNOWN", 404  # no image of this tag or digest
    BLOB_UNKNOWN = "registry-blob-unknown", "BLOB_UNKNOWN", 404  # no image that was made here has this blob
    DIGEST_INVALID = "registry-digest-invalid", "DIGEST_INVALID", 400
    RANGE_INVALID = "registry-range", "RANGE_INVALID", 416  # a part that begins behind the end of the blob
    READ_ONLY = "registry-not-reading", "UNSUPPORTED", 405
    NO_SUCH_ENDPOINT = "registry-no-such-endpoint", "UNSUPPORTED", 404
    IMPORTED_PACKAGES = "registry-foreign-packages", "DENIED", 403  # of a distribution that is not passed on here
    TOO_LARGE = "registry-too-large", "DENIED", 403  # larger than the images made for anonymous clients
    UNSIGNED_IMAGE = "registry-unsigned-image", "DENIED", 403  # the signer was asked for a statement, and refuses
    TOO_MANY = "registry-too-many", "TOOMANYREQUESTS", 429  # the limit of new images is reached
    NOTHING_SIGNED = "registry-nothing-signed", "UNAVAILABLE", 503  # the published metadata does not verify at present
    NO_ROOM = "registry-no-room", "UNAVAILABLE", 503  # the farm's disk is nearly full
    INTERNAL = "registry-broken-inside", "UNKNOWN", 500  # the farm failed; its log says why


class RegistryAnswerError(FarmError):
    """A request that is answered with an error. `headers` go with the answer."""

    def __init__(
        self, refusal: Refusal, message: str, *, remedy: str = "", headers: Iterable[tuple[str, str]] = ()
    ) -> None:
        code, self.oci, self.status = refusal.value
        super().__init__(message, remedy=remedy, code=code)
        self.refusal = refusal
        self.headers = dict(headers)


def name_unknown(message: str, near: Iterable[str]) -> RegistryAnswerError:
    """Return the refusal of an unknown name; `near` are similar names that exist."""
    found = " or ".join(near)
    return RegistryAnswerError(Refusal.NAME_UNKNOWN, message, remedy=f"Did you mean {found}?" if found else "")


def too_many(seconds: int) -> RegistryAnswerError:
    """Return the refusal of an image that was never pulled before, for as many seconds."""
    remedy = f"Try again in {seconds} seconds; images that were pulled before are served at once."
    headers = [("Retry-After", str(seconds))]
    return RegistryAnswerError(
        Refusal.TOO_MANY, "many images are being made for the first time", remedy=remedy, headers=headers
    )


def answer(error: RegistryAnswerError) -> Response:
    """Return an error in the form of the specification. Docker shows only the message, so it contains the remedy."""
    shown = {"code": error.oci, "message": f"{error.message}. {error.remedy}".rstrip(" "), "detail": {}}
    body = json.dumps({"errors": [shown]}, ensure_ascii=True)
    return Response(body, error.status, headers=error.headers, media_type="application/json")
