"""The root that a key has signed for, stored next to the key: its holder's machine has neither network nor repository.

The author of a draft could forge the root that it is based on, and with it the version before. So a key signs for the
root that it knows, for one that the keys of that root have signed, and for another only when its holder names it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root

from farm.core.names.digest import Digest
from farm.errors import FarmError
from farm.store.durable_file import replace_file
from farm.trust.keys.key_files import KeyFileError
from farm.trust.keys.signers import KNOWN_ROOT_SUFFIX, URI_SUFFIX
from farm.trust.metadata.delegation import accepts

if TYPE_CHECKING:
    from pathlib import Path

    from farm.trust.ceremony.draft import Draft


class DraftOfOtherRootError(FarmError):
    """A draft is based on another root than the signing key knows."""

    code = "other-root"


@dataclass(frozen=True, slots=True)
class LastSignedRoot:
    """The root that a key has signed for last, stored in `path`; None before the first time."""

    path: Path
    metadata: Metadata[Root] | None

    @classmethod
    def beside(cls, key: Path) -> LastSignedRoot:
        """Read the root stored next to a private key, or its `.uri` file. Raises `KeyFileError`."""
        name = key.name.removesuffix(URI_SUFFIX) + KNOWN_ROOT_SUFFIX
        path = key.with_name(name)
        try:
            return cls(path, Metadata[Root].from_bytes(path.read_bytes()))
        except FileNotFoundError:
            return cls(path, None)
        except (OSError, RepositoryError) as error:
            raise KeyFileError(
                path,
                f"it does not say which root the key has signed for: {error}",
                "Bring it back from a backup; or remove it, and sign with --root-fingerprint.",
            ) from error

    def check(self, draft: Draft, fingerprint: Digest | None = None) -> None:
        """Refuse a draft that is based on another root. `fingerprint` is that of the root that the holder expects.

        Raises `DraftOfOtherRootError`.
        """
        root = draft.rests_on
        if root is None:
            self._check_founding(fingerprint)
            return
        print_of = Digest.of(root.to_bytes())
        if fingerprint is not None:
            if fingerprint != print_of:
                raise DraftOfOtherRootError(
                    f"the draft rests on root version {root.signed.version} with the fingerprint {print_of}, not on "
                    f"{fingerprint}",
                    remedy=_DO_NOT_SIGN,
                )
            return
        known = self.metadata
        if known is None or known.signed_bytes == root.signed_bytes:
            return
        if root.signed.version > known.signed.version and accepts(known.signed, "root", root):
            return
        raise DraftOfOtherRootError(
            f"the draft rests on root version {root.signed.version} with the fingerprint {print_of}; this key last "
            f"signed for root version {known.signed.version}, whose keys have not signed the new root as its successor",
            remedy=f"{_DO_NOT_SIGN} If it is the right one, name the fingerprint that its owners announced: "
            "--root-fingerprint.",
        )

    def keep(self, draft: Draft) -> None:
        """Store the root that a draft is based on. Raises `OSError`."""
        root = draft.rests_on
        if root is not None and (self.metadata is None or self.metadata.signed_bytes != root.signed_bytes):
            replace_file(self.path, root.to_bytes())

    def _check_founding(self, fingerprint: Digest | None) -> None:
        if fingerprint is not None:
            raise DraftOfOtherRootError(
                "the draft founds a distribution: it rests on no root", remedy="Leave out --root-fingerprint."
            )
        if self.metadata is not None:
            raise DraftOfOtherRootError(
                "the draft founds a distribution, and this key has already signed for an existing one, root version "
                f"{self.metadata.signed.version}",
                remedy="Do not sign. A distribution of its own has keys of its own: `farm keys new`.",
            )


_DO_NOT_SIGN = "Do not sign before the owners of the distribution have confirmed this root to you."
