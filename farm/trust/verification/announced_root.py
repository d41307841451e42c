"""The root metadata of a fingerprint, among all versions in a repository. Nothing else is verified."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root

from farm.core.names.digest import Digest
from farm.trust.layout import METADATA
from farm.trust.untrusted_metadata import UntrustedMetadataError
from farm.trust.verification.client_metadata import check_fingerprint

if TYPE_CHECKING:
    from farm.trust.verification.client_metadata import RepositoryReader

_LARGEST_ROOT = 512_000
_MOST_ROOTS = 256


def announced_root(reader: RepositoryReader, address: str, fingerprint: Digest) -> bytes:
    """Return the root metadata of this fingerprint, of any version: a later one, if earlier keys were stolen.

    Raises `UntrustedMetadataError` if there is none, or the repository cannot be read.
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


def roots_before(reader: RepositoryReader, address: str, root: bytes) -> dict[int, bytes]:
    """Return the roots that came before one that is trusted, by version; each must have signed the next.

    Raises `UntrustedMetadataError`.
    """
    found: dict[int, bytes] = {}
    later: Metadata[Root] = Metadata.from_bytes(root)
    for version in range(later.signed.version - 1, 0, -1):
        content = _read_root(reader, address, version)
        try:
            earlier: Metadata[Root] = Metadata.from_bytes(content)
            for metadata in (earlier, later):
                earlier.signed.verify_delegate("root", metadata.signed_bytes, metadata.signatures)
        except (RepositoryError, ValueError) as error:
            raise UntrustedMetadataError(
                "signature",
                f"root {version} at {address} does not lead to root {version + 1}: {error}",
                "Nothing was changed. Tell the owner of the channel; try another mirror.",
            ) from error
        found[version], later = content, earlier
    return found


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
