"""Signed requests: how a worker proves that a request is its own, complete, recent, and sent once.

An ed25519 signature covers method, path with query, digest of the body, time and nonce. The farm refuses a time that is
not near its own, and a nonce that it has seen. Pure but for the key: time and nonce are given.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from farm.core.names.digest import Digest, InvalidDigestError
from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

WINDOW = timedelta(seconds=300)
"""How far the time of a request may be from the farm's clock, to either side."""

WORKER_HEADER = "Farm-Worker"
TIME_HEADER = "Farm-Time"
NONCE_HEADER = "Farm-Nonce"
BODY_HEADER = "Farm-Body"
SIGNATURE_HEADER = "Farm-Signature"
LEASE_HEADER = "Farm-Lease"

_CONTEXT = "farm request 1"
_LONGEST = 200


class UnsignedRequestError(FarmError):
    """A request that only workers may send has no signature, or one that is not the named worker's."""

    code = "unsigned-request"


@dataclass(frozen=True, slots=True)
class SignedWorkerRequest:
    """What a signature covers. `target` is path and query as sent; `time` whole seconds of Unix time."""

    worker: str
    method: str
    target: str
    body: Digest
    time: int
    nonce: str
    lease: str = ""

    @property
    def message(self) -> bytes:
        """The bytes that are signed: one line for each part, none of which can hold a line break."""
        parts = (_CONTEXT, self.worker, self.method, self.target, self.body, str(self.time), self.nonce, self.lease)
        return "\n".join(parts).encode()

    def headers(self, key: Ed25519PrivateKey) -> dict[str, str]:
        """Sign, and return the headers that go with the request."""
        headers = {
            WORKER_HEADER: self.worker,
            TIME_HEADER: str(self.time),
            NONCE_HEADER: self.nonce,
            BODY_HEADER: self.body,
            SIGNATURE_HEADER: key.sign(self.message).hex(),
        }
        return {**headers, LEASE_HEADER: self.lease} if self.lease else headers

    def verify(self, signature: str, public_key: str) -> None:
        """Check a signature against a public key (both hexadecimal). Raises `UnsignedRequestError`."""
        try:
            Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key)).verify(bytes.fromhex(signature), self.message)
        except (InvalidSignature, ValueError) as error:
            raise UnsignedRequestError(f"the signature is not of worker {self.worker!r}") from error


def read_signed(method: str, target: str, headers: Mapping[str, str]) -> tuple[SignedWorkerRequest, str]:
    """Return the signed request that the headers describe, and the signature. Raises `UnsignedRequestError`."""
    try:
        values = {
            name: headers[name] for name in (WORKER_HEADER, TIME_HEADER, NONCE_HEADER, BODY_HEADER, SIGNATURE_HEADER)
        }
        if any(not value.isascii() or not value.isprintable() or len(value) > _LONGEST for value in values.values()):
            raise UnsignedRequestError("a header of the signature has invalid characters, or is too long")
        request = SignedWorkerRequest(
            worker=values[WORKER_HEADER],
            method=method,
            target=target,
            body=Digest(values[BODY_HEADER]),
            time=_whole_seconds(values[TIME_HEADER]),
            nonce=values[NONCE_HEADER],
            lease=headers.get(LEASE_HEADER, ""),
        )
    except KeyError as error:
        raise UnsignedRequestError(
            f"the request has no header {error}", remedy="Sign it with a worker's key."
        ) from error
    except (InvalidDigestError, ValueError) as error:
        raise UnsignedRequestError(f"a header of the signature is malformed: {error}") from error
    return request, values[SIGNATURE_HEADER]


def _whole_seconds(text: str) -> int:
    if not text.isdecimal() or len(text) > 12:
        raise ValueError(f"{text[:20]!r} is not a time in whole seconds")
    return int(text)
