"""The private keys that a process holds, found by key id; each a file, or a URI of an HSM or a key service.

Root and targets alone decide which role a key signs for, never the name of its file.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from securesystemslib.signer import SIGNER_FOR_URI_SCHEME, HSMSigner, Key, Signer
from tuf.api.exceptions import UnsignedMetadataError
from tuf.api.metadata import Metadata

from farm.errors import FarmError
from farm.store.durable_file import replace_file
from farm.trust.keys.key_files import (
    KeyFileError,
    key_from_dict,
    key_to_dict,
    load_key,
    public_path,
    write_public_key,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from tuf.api.metadata import Role

URI_SUFFIX = ".uri"
PIN_SUFFIX = ".pin"
KNOWN_ROOT_SUFFIX = ".known-root"
_NOT_KEYS = (".pub", ".pem", PIN_SUFFIX, KNOWN_ROOT_SUFFIX)


class SigningError(FarmError):
    """A key could not sign: the HSM is not available, or the PIN is wrong."""

    code = "signing"


@dataclass(frozen=True, slots=True)
class Signers:
    """Private keys by key id."""

    by_keyid: dict[str, Signer] = field(default_factory=dict)

    @classmethod
    def of(cls, *signers: Signer) -> Signers:
        """Hold these keys."""
        return cls({signer.public_key.keyid: signer for signer in signers})

    def __iter__(self) -> Iterator[Signer]:
        return iter(self.by_keyid.values())

    def __or__(self, other: Signers) -> Signers:
        return Signers({**self.by_keyid, **other.by_keyid})

    def holds(self, role: Role) -> bool:
        """Return whether enough of a role's keys are here to sign for it."""
        return len(self.by_keyid.keys() & set(role.keyids)) >= role.threshold

    def signing(self, name: str, role: Role, *more: Role | None) -> tuple[Signer, ...]:
        """Return all keys of `role`, and those here of `more` roles of that name, such as an older root's.

        Raises a `FarmError` if they do not reach the threshold of `role`.
        """
        if not self.holds(role):
            held = len(self.by_keyid.keys() & set(role.keyids))
            raise FarmError(
                f"{name} needs {role.threshold} of its keys to sign, and {held} are here",
                remedy="Put more of its keys into the folder of online keys: "
                f"{', '.join(keyid[:16] for keyid in role.keyids)}.",
                code="missing-signer",
            )
        wanted = {keyid for named in (role, *more) if named for keyid in named.keyids}
        return tuple(signer for keyid, signer in sorted(self.by_keyid.items()) if keyid in wanted)


def signed(document: Any, signers: Iterable[Signer]) -> bytes:
    """Return the bytes of a metadata document with these signatures on it. Raises `SigningError`."""
    metadata: Metadata[Any] = Metadata(document)
    for signer in signers:
        try:
            metadata.sign(signer, append=True)
        except UnsignedMetadataError as error:
            cause = error.__cause__ or error
            raise SigningError(
                f"the key {signer.public_key.keyid} did not sign {document.type}: {cause or type(cause).__name__}",
                remedy="Look at the HSM or the key service that holds it, and at its PIN.",
            ) from error
    return metadata.to_bytes()


def read_signers(folder: Path) -> Signers:
    """Read every private key in a folder: PEM files, and `NAME.uri` for keys elsewhere. Raises `KeyFileError`."""
    paths = sorted(path for path in folder.iterdir() if path.suffix not in _NOT_KEYS and not path.name.startswith("."))
    return Signers.of(*(load_signer(path) for path in paths))


def load_signer(path: Path, secret: Callable[[str], str] | None = None) -> Signer:
    """Read one private key: a PEM file, or a `.uri` file with its location.

    `secret` returns what the key needs, such as a PIN; by default, that is the content of `NAME.pin` next to it.
    Raises `KeyFileError`.
    """
    if path.suffix != URI_SUFFIX:
        return load_key(path)
    try:
        form = json.loads(path.read_text())
        uri, public = str(form["uri"]), key_from_dict(form["public"])
        return Signer.from_priv_key_uri(uri, public, secret or _pin_beside(path))
    except KeyFileError:
        raise
    except Exception as error:  # signers raise what their libraries raise
        raise KeyFileError(path, str(error) or type(error).__name__, _URI_REMEDY) from error


def link_key(path: Path, uri: str, public: Key | None, secret: Callable[[str], str]) -> Key:
    """Write `path`.uri for a key that is stored elsewhere, and `path`.pub; overwrites nothing. Raises `KeyFileError`.

    The public key of an `hsm:` URI is read from the token if `public` is not given.
    """
    link = path.with_name(path.name + URI_SUFFIX)
    if link.exists() or path.exists():
        raise KeyFileError(link, "it exists already", "Name another file: a key is never overwritten.")
    scheme, _, _ = uri.partition(":")
    if scheme not in SIGNER_FOR_URI_SCHEME:
        raise KeyFileError(
            link, f"there is no kind of key {scheme!r}", f"Use one of {', '.join(sorted(SIGNER_FOR_URI_SCHEME))}."
        )
    if public is None:
        if scheme != HSMSigner.SCHEME:
            raise KeyFileError(link, f"the public key of {uri} is not known", "Name it with --public.")
        uri, public = _ask_token(link, uri, secret)
    content = json.dumps({"uri": uri, "public": key_to_dict(public)}, indent=1) + "\n"
    write_public_key(public_path(path), public)
    replace_file(link, content.encode())
    return public


def _ask_token(link: Path, uri: str, secret: Callable[[str], str]) -> tuple[str, Key]:
    parts = urlsplit(uri)
    label = parse_qs(parts.query).get("label", [None])[0]
    try:
        return HSMSigner.import_(int(parts.path or HSMSigner.SCHEME_KEYID), label, secret)
    except Exception as error:  # as above
        raise KeyFileError(link, str(error) or type(error).__name__, _URI_REMEDY) from error


def _pin_beside(path: Path) -> Callable[[str], str]:
    def read(_name: str) -> str:
        pin = path.with_suffix(PIN_SUFFIX)
        if pin.stat().st_mode & 0o077:
            raise KeyFileError(pin, "others can read it", f"Run `chmod 600 {pin}`.")
        return pin.read_text().strip()

    return read


_URI_REMEDY = (
    "See that the token or service is there and its library installed: for an HSM the extra `hsm`, with PYKCS11LIB "
    "naming the module."
)
