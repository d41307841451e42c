"""The keys that fixtures were signed with: anybody can derive them."""

from __future__ import annotations

import hashlib

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.signer import CryptoSigner


def key(name: str) -> CryptoSigner:
    """Return the key of this name, always the same."""
    return CryptoSigner(Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest()))


def public(name: str) -> str:
    """Return the public half as farms write it: 64 hexadecimal digits."""
    return str(key(name).public_key.keyval["public"])
