"""Checks that a plan follows from its recipe: the checker pins the recipe again, and compares.

Control, which leases plans to workers, could lease a plan that builds something else under an honest recipe; the worker
would carry it out and sign for it. Recipe, steps and the lock of the toolchain are read by digests that are signed.
"""

from __future__ import annotations

import json
from functools import cache, partial
from typing import TYPE_CHECKING

from farm.checker.reading.published_documents import PublishedDocuments
from farm.checker.reading.refusal import RefusedReleaseError
from farm.core.files.problems import RecipeError
from farm.core.plan.pin import pin
from farm.core.recipe.contents import RecipeContents
from farm.core.recipe.declared_sources import recipe_file
from farm.core.recipe.load import load_recipe
from farm.core.recipe.steps import StepLibrary
from farm.core.recipe.toolchain import ToolchainLock
from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from farm.core.names.digest import Digest
    from farm.core.plan.plan import Plan
    from farm.core.recipe.recipe import Recipe
    from farm.store.blobs import BlobStore
    from farm.trust.metadata.signed_policy import SignedPolicy

LARGEST_TEXT = 4 << 20
"""Bytes of a recipe, of a file next to it, of a library of steps, and of a lock."""

_MOST_FOLLOWED = 1024
"""How many parsed recipes are cached."""


class PlanMismatchError(RefusedReleaseError):
    """A plan does not follow from its recipe."""

    code = "plan-mismatch"

    def __init__(self, package: str, why: str) -> None:
        super().__init__(
            f"the plan of {package} does not follow from its recipe: {why}",
            remedy="Do not trust the farm that leased it. Build the package again, from a recipe that is submitted.",
        )


class UnreadableRecipeError(PlanMismatchError):
    """No signed library of steps can read a recipe."""

    code = "unreadable-recipe"


class Plans:
    """Pins recipes again by the signed policy of one distribution. What it reads from `blobs` is checked by digest."""

    def __init__(self, distribution: str, policy: SignedPolicy, blobs: BlobStore) -> None:
        self._distribution = distribution
        self._policy = policy
        self._described = PublishedDocuments(blobs)
        self._library = cache(partial(_read_library, self._described))
        self._lock = cache(partial(_read_lock, self._described))
        self._followed: dict[tuple[Digest, Digest], Recipe] = {}

    @property
    def steps(self) -> tuple[Digest, ...]:
        """The libraries of steps that are signed."""
        return self._policy.steps

    def check(self, plan: Plan, recipe: Digest) -> Recipe:
        """Return the recipe that a plan follows from. Raises `PlanMismatchError`, `MissingBlobError` and the like."""
        key = plan.digest, recipe
        known = self._followed.get(key)
        if known is None:
            known = self._follow(plan, recipe)
            if len(self._followed) < _MOST_FOLLOWED:
                self._followed[key] = known
        return known

    def _follow(self, plan: Plan, recipe: Digest) -> Recipe:
        toolchain = self._policy.toolchain(plan.toolchain)
        if toolchain is None:
            raise PlanMismatchError(
                str(plan.name), f"it is built in the toolchain {plan.toolchain}, which nobody has signed"
            )
        difference = "no steps are signed"
        # The newest steps first: a build with earlier ones may still be released.
        for loaded in self._readings(plan.name.short, recipe):
            if loaded.toolchain != toolchain.name:
                raise PlanMismatchError(
                    str(plan.name), f"it is built in {toolchain.name}, and the recipe names {loaded.toolchain}"
                )
            try:
                expected = pin(
                    loaded,
                    distribution=self._distribution,
                    platform=plan.platform,
                    toolchain=plan.toolchain,
                    toolchain_debs=self.debs_of(plan.toolchain),
                    dependencies=plan.dependencies,
                )
            except FarmError as error:
                raise PlanMismatchError(str(plan.name), error.message) from error
            if expected.digest == plan.digest:
                return loaded
            difference = _first_difference(expected, plan)
        raise PlanMismatchError(str(plan.name), difference)

    def read(self, recipe: Digest, name: str) -> Recipe:
        """Return a recipe as parsed with the newest signed library of steps that can read it.

        `name` is that of a package that it makes. Raises `RefusedReleaseError`, `MissingBlobError` and the like.
        """
        for loaded in self._readings(name, recipe):
            return loaded
        raise UnreadableRecipeError(name, "no steps are signed")

    def debs_of(self, tree: Digest) -> Mapping[str, Digest]:
        """Return the Debian packages of a toolchain, by its tree; empty for one that is no longer signed."""
        lock = self.lock_of(tree)
        return {deb.name: deb.digest for deb in lock.debs} if lock else {}

    def lock_of(self, tree: Digest) -> ToolchainLock | None:
        """Return the lock of a toolchain, by its tree; None for one that is no longer signed."""
        toolchain = self._policy.toolchain(tree)
        return self._lock(toolchain.lock, toolchain.name) if toolchain else None

    def trees_of(self, name: str) -> frozenset[Digest]:
        """Return the trees that are signed for the toolchain of this name."""
        return frozenset(toolchain.tree for toolchain in self._policy.toolchains if toolchain.name == name)

    def _readings(self, name: str, recipe: Digest) -> Iterator[Recipe]:
        """Yield the recipe as parsed with each signed library of steps that can read it."""
        contents = RecipeContents.from_json(self._read(recipe))
        text = self._read(contents.recipe)
        beside = {file: self._read(digest) for file, digest in contents.files.items()}
        place = recipe_file(name)
        unreadable: FarmError | None = None
        found = False
        for digest in self._policy.steps:
            steps = self._library(digest)
            try:
                loaded = load_recipe(text, file=place, steps=steps, patches=beside)
            except RecipeError as error:
                unreadable = unreadable or error
                continue
            if loaded.digest != recipe:
                raise PlanMismatchError(name, f"the recipe {recipe} names other files than it consists of")
            found = True
            yield loaded
        if unreadable and not found:
            raise UnreadableRecipeError(name, f"its recipe cannot be read: {unreadable}") from unreadable

    def _read(self, digest: Digest) -> bytes:
        return self._described.within(digest, LARGEST_TEXT)


def _read_library(described: PublishedDocuments, digest: Digest) -> StepLibrary:
    texts = json.loads(described.within(digest, LARGEST_TEXT))
    return StepLibrary.from_files({path: text.encode() for path, text in texts.items()})


def _read_lock(described: PublishedDocuments, digest: Digest, name: str) -> ToolchainLock:
    return ToolchainLock.from_text(described.within(digest, LARGEST_TEXT), name=name, file=f"toolchains/{name}.lock")


def field_name(key: str) -> str:
    """Return a member of a plan or descriptor as messages spell it: their published forms keep `licence`."""
    return "license" if key == "licence" else key


def _first_difference(expected: Plan, plan: Plan) -> str:
    wanted, found = expected.to_dict(), plan.to_dict()
    names = sorted(name for name in {*wanted, *found} if wanted.get(name) != found.get(name))
    name = names[0] if names else "nothing"
    return f"its {field_name(name)} should be {wanted.get(name)!r:.300}, and it has {found.get(name)!r:.300}"
