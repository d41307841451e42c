"""The root metadata that a fingerprint names, out of all versions that a repository has. Nothing else is verified."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.names import Digest
from farm.trust.client_metadata import UntrustedMetadataError, check_fingerprint
from farm.trust.layout import METADATA

if TYPE_CHECKING:
    from farm.trust.client_metadata import RepositoryReader

_LARGEST_ROOT = 512_000
_MOST_ROOTS = 256


def announced_root(reader: RepositoryReader, address: str, fingerprint: Digest) -> bytes:
    """Return the root metadata of this fingerprint, of whatever version: a later one, when earlier keys were stolen.

    Raises `UntrustedMetadataError` when it is not there, or the repository cannot be read.
    """
    first = _read_root(reader, address, 1)
    if Digest.of(first) == fingerprint:
        return first
    for version in range(2, _MOST_ROOTS):
        try:
            root = _read_root(reader, address, version)
        except UntrustedMetadataError:
            break
        if Digest.of(root) == fingerprint:
            return root
    check_fingerprint(first, fingerprint)
    return first


def _read_root(reader: RepositoryReader, address: str, version: int) -> bytes:
    root = b""
    try:
        for chunk in reader.stream(f"{METADATA}/{version}.root.json"):
            root += chunk
            if len(root) > _LARGEST_ROOT:
                raise UntrustedMetadataError(
                    "mismatch",
                    f"the root metadata at {address} is larger than {_LARGEST_ROOT} bytes",
                    "Nothing was changed. Ask the owner for another address.",
                )
    except OSError as error:
        raise UntrustedMetadataError(
            "network", f"cannot read the root metadata at {address}: {error}", "Check the address and the network."
        ) from error
    return root
