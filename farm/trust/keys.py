"""ed25519 keys in files: a private key as PKCS #8 PEM that only its owner can read, a public key as TUF's JSON."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.serialization import load_pem_private_key
from securesystemslib.signer import CryptoSigner, Key

from farm.errors import FarmError

if TYPE_CHECKING:
    from pathlib import Path


class KeyFileError(FarmError):
    """A key file is missing, unreadable, or holds something else."""

    code = "key-file"

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"cannot use the key file {path}: {why}", remedy="Make keys with `farm keys init`.")
        self.path = path


def create_key(path: Path) -> CryptoSigner:
    """Make a new ed25519 key and keep it at `path` (mode 0600) with its public half at `path`.pub.

    Raises `KeyFileError` when the file is there already: a key is never overwritten.
    """
    signer = CryptoSigner.generate_ed25519()
    pem = signer.private_bytes
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except FileExistsError as error:
        raise KeyFileError(path, "it exists already") from error
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())
    path.with_name(path.name + ".pub").write_text(json.dumps(key_to_dict(signer.public_key), indent=1) + "\n")
    return signer


def load_key(path: Path) -> CryptoSigner:
    """Read a private key; raises `KeyFileError`, also when others than the owner may read the file."""
    try:
        if path.stat().st_mode & 0o077:
            raise KeyFileError(path, "others can read it; run chmod 600 on it")
        private = load_pem_private_key(path.read_bytes(), password=None)
        return CryptoSigner(private)
    except (OSError, ValueError, TypeError) as error:
        raise KeyFileError(path, str(error)) from error


def load_or_create_key(path: Path) -> CryptoSigner:
    """Read the key at `path`, or make it on first use."""
    return load_key(path) if path.exists() else create_key(path)


def load_public_key(path: Path) -> Key:
    """Read a public key file as `create_key` writes it; raises `KeyFileError`."""
    try:
        return key_from_dict(json.loads(path.read_text()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise KeyFileError(path, str(error)) from error


def key_to_dict(key: Key) -> dict[str, Any]:
    """Return the JSON form of a public key: TUF's, with the key id beside it."""
    return {"keyid": key.keyid, **key.to_dict()}


def key_from_dict(form: dict[str, Any]) -> Key:
    """Read the JSON form of a public key; raises `ValueError`, `KeyError` or `TypeError` on anything else."""
    rest = dict(form)
    return Key.from_dict(rest.pop("keyid"), rest)
