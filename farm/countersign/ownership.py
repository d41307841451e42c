"""Whether an owner has signed a recipe: by the signed `OWNERS`, and by envelopes whose signatures are verified here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.countersign.refusal import RefusedReleaseError
from farm.errors import FarmError
from farm.recipe.curators import everybody
from farm.recipe.owners import Owners, read_owners
from farm.trust.blob_limits import LARGEST_ENVELOPE
from farm.trust.submission_statement import read_submission

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from farm.blobs import BlobStore
    from farm.names import Digest
    from farm.trust.signed_policy import SignedPolicy


class UnsignedRecipeError(RefusedReleaseError):
    """A package was made from a recipe, or is tested by one, that no owner has signed."""

    code = "unsigned-recipe"

    def __init__(self, name: str, recipe: Digest, owners: Iterable[str]) -> None:
        whose = ", ".join(sorted(owners))
        super().__init__(
            f"no owner has signed the recipe {name} ({recipe})",
            remedy=f"Let {whose} submit it, or accept its submission." if whose else "Name its owners in OWNERS.",
        )


class Ownership:
    """Knows which recipes their owners have signed. Where no `OWNERS` is signed, nobody owns anything: all may pass.

    `envelopes` are blobs; one that is no signed submission of a known person counts for nothing.
    """

    def __init__(self, distribution: str, policy: SignedPolicy, envelopes: Iterable[Digest], blobs: BlobStore) -> None:
        said = policy.policies
        self._owners: Owners | None = None
        if said.owners is not None:
            self._owners = read_owners(said.owners.encode(), said.curators)
        self._people = everybody(said.curators)
        self._distribution = distribution
        self._envelopes = tuple(envelopes)
        self._blobs = blobs
        self._signed: dict[tuple[str, Digest], dict[str, datetime]] | None = None

    def check(self, name: str, recipe: Digest) -> None:
        """See that an owner of the recipe `name` has signed it as it is. Raises `UnsignedRecipeError`."""
        if self._owners is None:
            return
        if not self._times(name, recipe):
            raise UnsignedRecipeError(name, recipe, self._owners.owners_of(name))

    def is_signed_since(self, name: str, recipe: Digest, since: datetime) -> bool:
        """Say whether an owner of the recipe `name` has signed it as it is, after that time."""
        return any(at > since for at in self._times(name, recipe))

    def _times(self, name: str, recipe: Digest) -> list[datetime]:
        """Return when owners have signed a recipe."""
        owners: Mapping[str, str] = self._owners.owners_of(name) if self._owners else {}
        signed = self._signers(name, recipe)
        return [at for person, at in signed.items() if owners.get(person) == self._people[person]]

    def _signers(self, name: str, recipe: Digest) -> Mapping[str, datetime]:
        if self._signed is None:
            self._signed = {}
            for digest in self._envelopes:
                self._open(digest, self._signed)
        return self._signed.get((name, recipe), {})

    def _open(self, digest: Digest, signed: dict[tuple[str, Digest], dict[str, datetime]]) -> None:
        try:
            if self._blobs.size(digest) > LARGEST_ENVELOPE:
                return
            said = read_submission(self._blobs.read(digest), self._people).said
        except FarmError:
            return
        if said.withdrawn or said.distribution != self._distribution:
            return
        for name, recipe in said.recipes.items():
            times = signed.setdefault((name, recipe), {})
            times[said.submitter] = max(said.at, times.get(said.submitter, said.at))
