"""Keys in files: a private key as PKCS #8 PEM that only its owner can read, a public key as TUF's JSON or as PEM."""

from __future__ import annotations

import json
import os
import secrets
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from securesystemslib.signer import CryptoSigner, Key, SSlibKey

from farm.errors import FarmError
from farm.store.durable_file import replace_file, sync_folder

if TYPE_CHECKING:
    from pathlib import Path


class KeyFileError(FarmError):
    """A key file is missing, unreadable, or holds something else."""

    code = "key-file"

    def __init__(
        self,
        path: Path,
        why: str,
        remedy: str = "See that the path is right; `farm keys me` makes your own key, `farm keys new` another.",
    ) -> None:
        super().__init__(f"cannot use the key file {path}: {why}", remedy=remedy)
        self.path = path


def create_key(path: Path) -> CryptoSigner:
    """Make a new ed25519 key and store it at `path` (mode 0600) with its public half at `path`.pub.

    Raises `KeyFileError` if the file exists already: a key is never overwritten.
    """
    signer = CryptoSigner.generate_ed25519()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(signer.private_bytes)
            file.flush()
            os.fsync(file.fileno())
        # A link fails if the file exists, and shows the key whole or not at all.
        path.hardlink_to(temporary)
    except FileExistsError as error:
        raise KeyFileError(path, "it exists already", "Name another file: a key is never overwritten.") from error
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)
    write_public_key(public_path(path), signer.public_key)
    return signer


def load_key(path: Path) -> CryptoSigner:
    """Read a private key; raises `KeyFileError`, also when others than the owner may read the file."""
    try:
        if path.suffix == ".pub":
            raise KeyFileError(path, "it is a public key", f"Name the private one: {path.with_suffix('')}.")
        if path.stat().st_mode & 0o077:
            raise KeyFileError(path, "others can read it", f"Run `chmod 600 {path}`, or name another file.")
        private = load_pem_private_key(path.read_bytes(), password=None)
        return CryptoSigner(private)
    except (OSError, ValueError, TypeError) as error:
        raise KeyFileError(path, str(error)) from error


def load_or_create_key(path: Path) -> CryptoSigner:
    """Read the key at `path`, or make it on first use. A missing public half is written again."""
    if not path.exists():
        return create_key(path)
    signer = load_key(path)
    if not public_path(path).exists():
        write_public_key(public_path(path), signer.public_key)
    return signer


def public_path(path: Path) -> Path:
    """Return the path of the public half of the key at `path`."""
    return path.with_name(path.name + ".pub")


def write_public_key(path: Path, key: Key) -> None:
    """Write a public key as TUF's JSON."""
    replace_file(path, (json.dumps(key_to_dict(key), indent=1) + "\n").encode())


def load_public_key(path: Path) -> Key:
    """Read a public key, as `create_key` writes it or as PEM; raises `KeyFileError`."""
    try:
        content = path.read_bytes()
        if content.lstrip().startswith(b"-----BEGIN PUBLIC KEY"):
            return SSlibKey.from_crypto(load_pem_public_key(content))
        return key_from_dict(json.loads(content))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        why = f"it has no {error}" if isinstance(error, KeyError) else str(error) or type(error).__name__
        raise KeyFileError(
            path, f"it is not a public key ({why})" if not isinstance(error, OSError) else why, "Name a .pub file."
        ) from error


def public_pem(key: Key) -> bytes:
    """Return a public key as PEM, as cosign and openssl read it. Raises `ValueError` for a kind that has none."""
    public = str(key.keyval["public"])
    if key.keytype == "ed25519":
        raw = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public))
        return raw.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return load_pem_public_key(public.encode()).public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def key_to_dict(key: Key) -> dict[str, Any]:
    """Return the JSON form of a public key: TUF's, with the key id added."""
    return {"keyid": key.keyid, **key.to_dict()}


def key_from_dict(form: dict[str, Any]) -> Key:
    """Read the JSON form of a public key; raises `ValueError`, `KeyError` or `TypeError` on anything else."""
    rest = dict(form)
    return Key.from_dict(rest.pop("keyid"), rest)
