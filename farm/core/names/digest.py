"""Digests: the names of everything immutable."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any

from farm.core.names.canonical_json import canonical_json
from farm.errors import FarmError

_matches = re.compile(r"sha256:[0-9a-f]{64}").fullmatch


class InvalidDigestError(FarmError):
    """A text is not a digest."""

    code = "invalid-digest"

    def __init__(self, text: str) -> None:
        super().__init__(
            f"{text[:100]!r} is not a digest", remedy="Write it as sha256: and 64 lower-case hexadecimal digits."
        )


class Digest(str):
    """A sha256 digest in the form of OCI and SLSA, `sha256:<64 hex digits>`; a checked string."""

    __slots__ = ()

    def __new__(cls, text: str) -> Digest:
        """Check `text`; raises `InvalidDigestError`."""
        if type(text) is cls:
            return text
        if not isinstance(text, str) or not _matches(text):
            raise InvalidDigestError(str(text))
        return str.__new__(cls, text)

    @classmethod
    def of(cls, content: bytes | memoryview) -> Digest:
        """Return the digest of these bytes."""
        return cls.from_hex(hashlib.sha256(content).hexdigest())

    @classmethod
    def of_json(cls, value: Any) -> Digest:
        """Return the digest of a value's canonical JSON (RFC 8785)."""
        return cls.of(canonical_json(value))

    @classmethod
    def from_hex(cls, digits: str) -> Digest:
        """Make a digest from 64 hexadecimal digits; raises `InvalidDigestError`."""
        return cls(f"sha256:{digits}")

    @property
    def hex(self) -> str:
        """The 64 hexadecimal digits alone."""
        return self[7:]

    @property
    def store_key(self) -> str:
        """The first 160 bits as 32 characters of lower-case base32 (RFC 4648), for store paths."""
        return base64.b32encode(bytes.fromhex(self[7:])[:20]).decode("ascii").lower()


ZEROS = Digest.from_hex("0" * 64)
"""Stands for a digest that is not known yet; no content that anybody can find has it."""
