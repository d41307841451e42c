"""What the registry refuses, each with the code of the OCI distribution specification (1.1, "Error Codes")."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from starlette.responses import Response

from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Iterable


class RegistryError(FarmError):
    """A request that is answered with an error. `oci` is its code there, `status` that of HTTP."""

    code = "registry"
    oci = "UNSUPPORTED"
    status = 400
    headers: tuple[tuple[str, str], ...] = ()


class NameInvalidError(RegistryError):
    """A repository's name is no list of packages of a channel."""

    code = "registry-name-invalid"
    oci = "NAME_INVALID"


class NameUnknownError(RegistryError):
    """There is no such channel, or it has no such package."""

    code = "registry-name-unknown"
    oci = "NAME_UNKNOWN"
    status = 404

    def __init__(self, what: str, near: Iterable[str]) -> None:
        found = list(near)
        super().__init__(what, remedy=f"Did you mean {' or '.join(found)}?" if found else "")


class UnsignedImageError(RegistryError):
    """The signer says nothing of an image: it was asked, and refuses."""

    code = "registry-unsigned-image"
    oci = "DENIED"
    status = 403


class ManifestUnknownError(RegistryError):
    """There is no image of this tag or digest."""

    code = "registry-manifest-unknown"
    oci = "MANIFEST_UNKNOWN"
    status = 404


class BlobUnknownError(RegistryError):
    """No image that was made here has this blob."""

    code = "registry-blob-unknown"
    oci = "BLOB_UNKNOWN"
    status = 404


class DigestInvalidError(RegistryError):
    """A text is no digest."""

    code = "registry-digest-invalid"
    oci = "DIGEST_INVALID"


class NotReadingError(RegistryError):
    """Somebody wants to write, or asks for what is no part of the reading side."""

    code = "registry-not-reading"
    status = 405
    headers = (("Allow", "GET, HEAD"),)


class NoSuchEndpointError(RegistryError):
    """An address that the specification does not know."""

    code = "registry-no-such-endpoint"
    status = 404


class ImportedPackagesError(RegistryError):
    """A set holds packages of another distribution, which this farm does not hand on."""

    code = "registry-foreign-packages"
    oci = "DENIED"
    status = 403


class RangeError(RegistryError):
    """Somebody asks for a part of a blob that begins behind its end."""

    code = "registry-range"
    oci = "RANGE_INVALID"
    status = 416

    def __init__(self, size: int) -> None:
        super().__init__(f"the blob has {size} bytes, and no such part", remedy="Fetch it anew.")
        self.headers = (("Content-Range", f"bytes */{size}"),)


class TooManyError(RegistryError):
    """More images are wanted that nobody has pulled before than the farm makes at a time."""

    code = "registry-too-many"
    oci = "TOOMANYREQUESTS"
    status = 429

    def __init__(self, seconds: int) -> None:
        super().__init__(
            "many images are being made for the first time",
            remedy=f"Try again in {seconds} seconds; images that were pulled before are given at once.",
        )
        self.headers = (("Retry-After", str(seconds)),)


class NothingSignedError(RegistryError):
    """What is published does not verify just now: expired, or damaged. Nothing is given by a name then."""

    code = "registry-nothing-signed"
    oci = "UNAVAILABLE"
    status = 503


class TooLargeError(RegistryError):
    """A set is larger than what the farm makes images of for strangers."""

    code = "registry-too-large"
    oci = "DENIED"
    status = 403


class NoRoomError(RegistryError):
    """The farm's disk is nearly full: nothing is made until there is room again."""

    code = "registry-no-room"
    oci = "UNAVAILABLE"
    status = 503


class BrokenInsideError(RegistryError):
    """The farm failed; its log says why."""

    code = "registry-broken-inside"
    oci = "UNKNOWN"
    status = 500


def answer(error: RegistryError) -> Response:
    """Return an error as the specification has it. Docker shows the message alone, so the remedy is part of it."""
    told = {"code": error.oci, "message": f"{error.message}. {error.remedy}".rstrip(" "), "detail": {}}
    body = json.dumps({"errors": [told]}, ensure_ascii=True)
    return Response(body, error.status, headers=dict(error.headers), media_type="application/json")
