"""Checks that an owner, by the signed `OWNERS`, has signed a recipe, in an envelope that is verified here.

A submission is accepted as a whole: a statement counts once each recipe that it names is signed by an owner of it.
"""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING

from farm.checker.reading.published_documents import PublishedDocuments
from farm.checker.reading.refusal import RefusedReleaseError
from farm.core.policy.curators import unambiguous_keys
from farm.core.policy.owners import Owners, read_owners
from farm.core.sets.findings.problem import listed
from farm.errors import FarmError
from farm.trust.attestation.curator_order import TOLERANCE
from farm.trust.attestation.submission_statement import read_submission
from farm.trust.blob_limits import LARGEST_ENVELOPE
from farm.trust.index.tree import IndexTree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime
    from typing import TypeAlias

    from farm.core.names.digest import Digest
    from farm.store.blobs import BlobStore
    from farm.trust.attestation.submission_statement import OpenedSubmission
    from farm.trust.index.release_index import Release
    from farm.trust.metadata.signed_policy import SignedPolicy

    _Recipe: TypeAlias = tuple[str, Digest]
    _Signed: TypeAlias = Mapping[_Recipe, Sequence[OpenedSubmission]]


_YEARS = range(1970, 9999)
"""Clocks do not give other years, and at the ends of the range arithmetic with times fails."""


class ReleasedRecipes:
    """The recipes that the packages of some releases were built from, or are tested by. Read when first needed."""

    def __init__(self, releases: Callable[[], Iterable[Release]], blobs: BlobStore) -> None:
        self._releases = releases
        self._blobs = blobs

    @cached_property
    def _trees(self) -> Sequence[IndexTree]:
        return [IndexTree(PublishedDocuments(self._blobs).blob, release.index) for release in self._releases()]

    def has(self, name: str, recipe: Digest) -> bool:
        """Return whether one of the releases has the package of exactly this recipe."""
        found = (tree.entry(name) for tree in self._trees)
        return any(entry is not None and recipe in entry.recipes for entry in found)


class SignedOwnership:
    """The recipes that their owners have signed. If no `OWNERS` is signed, all recipes pass.

    `envelopes` are blobs; one that is not a submission signed by a known person is ignored. So is one whose statement
    is `withdrawn` (digests, each with the person who withdrew it), except for released recipes. `released` returns
    whether a release has a recipe, by name and digest: then all that it was submitted with was signed by the owners of
    that time. Times after `now` make nothing newer.
    """

    def __init__(
        self,
        distribution: str,
        policy: SignedPolicy,
        envelopes: Iterable[Digest],
        blobs: BlobStore,
        *,
        released: Callable[[str, Digest], bool] = lambda _name, _recipe: False,
        withdrawn: Mapping[Digest, str] = MappingProxyType({}),
        now: datetime | None = None,
    ) -> None:
        policies = policy.policies
        self._owners: Owners | None = None
        if policies.owners is not None:
            self._owners = read_owners(policies.owners.encode(), policies.curators)
        self._people = unambiguous_keys(policies.curators)
        self._distribution = distribution
        self._envelopes = tuple(envelopes)
        self._blobs = blobs
        self._released = released
        self._withdrawn = withdrawn
        self._latest = now + TOLERANCE if now else None

    def check(self, name: str, recipe: Digest) -> None:
        """Check that an owner of the recipe `name` has signed it, in a submission signed by owners as a whole.

        Raises `RefusedReleaseError`.
        """
        if self._owners is None:
            return
        its = name, recipe
        if not self._is_signed(its, self._given):
            whose = ", ".join(sorted(self._owners.owners_of(name)))
            raise RefusedReleaseError(
                f"no owner has signed the recipe {name} ({recipe})",
                remedy=f"Let {whose} submit it, or accept its submission." if whose else "Name its owners in OWNERS.",
                code="unsigned-recipe",
            )
        if not self._is_signed(its, self._counting) and not self._released(name, recipe):
            raise self._incomplete(its)

    def last_signed(self, name: str, recipe: Digest) -> datetime | None:
        """Return when an owner of the recipe `name` last signed it unchanged, without a withdrawal; None for never.

        A statement with a time in the future does not count: a clock that was ahead would make it the newest forever.
        """
        if self._owners is None:
            return None
        return max(
            (
                submission.said.at
                for submission in self._given.get((name, recipe), ())
                if submission.statement not in self._withdrawn
                and self._owns(submission.said.submitter, name)
                and submission.said.at.year in _YEARS
                and (self._latest is None or submission.said.at <= self._latest)
            ),
            default=None,
        )

    def _incomplete(self, its: _Recipe) -> RefusedReleaseError:
        assert self._owners is not None  # noqa: S101  (else nothing is asked)
        mine = [submission for submission in self._given[its] if self._owns(submission.said.submitter, its[0])]
        standing = [submission.said for submission in mine if submission.statement not in self._withdrawn]
        if not standing:
            by = self._withdrawn[mine[0].statement]
            return RefusedReleaseError(
                f"{mine[0].said.submitter} has signed the recipe {its[0]} ({its[1]}), and {by} has withdrawn that",
                remedy=f"Let {mine[0].said.submitter} submit it again, if it is wanted.",
                code="unsigned-recipe",
            )
        said = standing[0]
        missing = [other for other in sorted(said.recipes.items()) if other != its and not self._is_there(other)]
        names = listed([name for name, _ in missing])
        whose = listed(sorted({owner for name, _ in missing for owner in self._owners.owners_of(name)}))
        return RefusedReleaseError(
            f"{said.submitter} has signed the recipe {its[0]} ({its[1]}) together with {names}, which no owner has "
            "signed: a submission is accepted as a whole",
            remedy=f"Let {whose or 'an owner'} sign {names} too, or {said.submitter} submit {its[0]} without it.",
            code="unsigned-recipe",
        )

    @cached_property
    def _statements(self) -> Sequence[OpenedSubmission]:
        return [opened for digest in self._envelopes if (opened := self._opened(digest)) is not None]

    @cached_property
    def _given(self) -> _Signed:
        return _by_recipe(self._statements)

    @cached_property
    def _counting(self) -> _Signed:
        """The statements of which owners have signed every recipe, by the recipes that they name."""
        whole = [statement for statement in self._statements if statement.statement not in self._withdrawn]
        signed = _by_recipe(whole)
        while True:
            left = [
                submission
                for submission in whole
                if all(self._is_there(its, signed) for its in submission.said.recipes.items())
            ]
            if len(left) == len(whole):
                return signed
            # A signature on an incomplete submission completes no other one.
            whole, signed = left, _by_recipe(left)

    def _is_there(self, its: _Recipe, signed: _Signed | None = None) -> bool:
        return self._is_signed(its, self._counting if signed is None else signed) or self._released(*its)

    def _is_signed(self, its: _Recipe, signed: _Signed) -> bool:
        return any(self._owns(submission.said.submitter, its[0]) for submission in signed.get(its, ()))

    def _owns(self, person: str, name: str) -> bool:
        assert self._owners is not None  # noqa: S101  (else nothing is asked)
        return self._owners.owners_of(name).get(person) == self._people[person]

    def _opened(self, digest: Digest) -> OpenedSubmission | None:
        try:
            opened = read_submission(PublishedDocuments(self._blobs).within(digest, LARGEST_ENVELOPE), self._people)
        except FarmError:
            return None
        return None if opened.said.withdrawn or opened.said.distribution != self._distribution else opened


def _by_recipe(submissions: Iterable[OpenedSubmission]) -> _Signed:
    found: defaultdict[_Recipe, list[OpenedSubmission]] = defaultdict(list)
    for submission in submissions:
        for its in submission.said.recipes.items():
            found[its].append(submission)
    return found
