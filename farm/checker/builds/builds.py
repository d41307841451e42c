"""Checks that packages were built from their recipes: provenance and plan, also of all that they were built against.

A dependency that was never released is checked like a released one: its code may be in what was built against it. A
package that was released before has been checked, but its builder may not be trusted any more.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property, partial
from typing import TYPE_CHECKING

from farm.checker.builds.plans import PlanMismatchError, field_name
from farm.checker.reading.published_documents import PublishedDocuments
from farm.checker.reading.refusal import RefusedReleaseError, check_each
from farm.core.names.digest import Digest
from farm.core.package.descriptor import Descriptor
from farm.core.plan.outputs import describe_output, differing_fields, output_names
from farm.core.sets.members.package_set import PackageSet
from farm.core.sets.proof.closure import build_closure, from_toolchain
from farm.signing.evidence import LARGEST_EVIDENCE, BuiltAgainst, InvalidEvidenceError, ReleaseEvidence
from farm.trust.attestation.dsse import InvalidEnvelopeError
from farm.trust.attestation.provenance import describe, verify_provenance

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from farm.checker.builds.ownership import SignedOwnership
    from farm.checker.builds.plans import Plans
    from farm.checker.reading.published_identities import PublishedRecord
    from farm.core.plan.plan import Plan, PlannedDependency
    from farm.core.recipe.recipe import Recipe
    from farm.core.sets.members.member import Member
    from farm.store.blobs import BlobStore
    from farm.trust.attestation.provenance import VerifiedProvenance
    from farm.trust.index.release_index import ReleaseEntry
    from farm.trust.metadata.builders import AllowedBuilders


def read_evidence(blobs: BlobStore, digest: Digest) -> ReleaseEvidence:
    """Read the evidence that a request to sign names. Raises `InvalidEvidenceError`, `MissingBlobError`."""
    if blobs.size(digest) > LARGEST_EVIDENCE:
        raise InvalidEvidenceError(f"the evidence has more than {LARGEST_EVIDENCE} bytes")
    return ReleaseEvidence.from_json(blobs.read(digest))


@dataclass(frozen=True, slots=True)
class BuildContext:
    """The inputs of checks of builds: what targets has signed, and what was verified before."""

    blobs: BlobStore
    builders: AllowedBuilders
    plans: Plans
    ownership: SignedOwnership
    published: PublishedRecord


def check_builds(new: Iterable[ReleaseEntry], evidence: ReleaseEvidence, context: BuildContext, channel: str) -> Builds:
    """Check that the new packages of a release, and all that they were built against, were built from their recipes.

    For a package that another channel has released already, check that its ingredients are by allowed builders.
    Raises `RefusedReleaseError`, `ProvenanceError`, `InvalidEnvelopeError`, `MissingBlobError` and the like.
    """
    builds = Builds(context, evidence.dependencies)

    def check(entry: ReleaseEntry) -> None:
        package = _built(entry)
        builds.check(package)
        known_in = context.published.channels_of(package.descriptor.digest)
        if known_in and channel not in known_in:
            builds.check_ingredients(package)
        if entry.tests:
            builds.check_recipe(package, entry.tests)

    check_each(new, check)
    return builds


def recipe_of(entry: ReleaseEntry, context: BuildContext) -> tuple[VerifiedProvenance, Recipe]:
    """Return a package's verified provenance, and its recipe, which an owner has signed and which leads to the plan.

    Raises as `check_builds`.
    """
    return Builds(context, ()).check_recipe(_built(entry), entry.recipe)


def _built(entry: ReleaseEntry) -> BuiltAgainst:
    return BuiltAgainst(entry.descriptor, entry.facts, entry.manifest, entry.provenance, entry.recipe)


class Builds:
    """Checks builds for one release, and remembers what has passed: `checked` are the descriptors, by digest."""

    def __init__(self, context: BuildContext, dependencies: Iterable[BuiltAgainst]) -> None:
        self._context = context
        self._dependencies = dependencies
        self._trusted: set[BuiltAgainst] = set()
        self._described = PublishedDocuments(context.blobs)
        # Many packages are built against few. A cache of a method would keep them until garbage is collected.
        self._member = cache(partial(_read_member, self._described))
        self.checked: dict[Digest, Descriptor] = {}

    def check(self, package: BuiltAgainst) -> None:
        """Check that a package, and all that it was built against, was built from its recipe."""
        waiting, seen = [package], dict[Digest, Descriptor]()
        while waiting:
            built = waiting.pop()
            digest = built.descriptor.digest
            if digest in seen or digest in self.checked or self._context.published.channels_of(digest):
                continue
            seen[digest] = descriptor = self._member(built).descriptor
            plan = self.verify(built).plan
            self._check_described(plan, descriptor)
            self._context.ownership.check(plan.name.short, built.recipe)
            found = self._ingredients(plan)
            _check_closure(self._context.plans.check(plan, built.recipe), plan, list(map(self._member, found)))
            waiting += found
        self.checked |= seen  # all of it, or none: another package built against the same gets the same error

    def check_ingredients(self, package: BuiltAgainst) -> None:
        """Check that allowed builders have made all that a package was built against, even if it was verified before.

        Its code may be in the package, whose own builder cannot know.
        """
        self._ingredients(self.verify(package).plan)

    def verify(self, package: BuiltAgainst) -> VerifiedProvenance:
        """Check that an allowed builder has signed a package's provenance."""
        content = self._described.read(package.provenance.digest, "provenance")
        return verify_provenance(content, self._context.builders, self._descriptor(package), package.recipe)

    def _ingredients(self, plan: Plan) -> list[BuiltAgainst]:
        found = [self.dependency(plan, dependency) for dependency in plan.dependencies]
        for against in found:
            if against not in self._trusted:
                self._check_builder(against, plan)
        return found

    def _check_builder(self, package: BuiltAgainst, plan: Plan) -> None:
        """Check that an allowed builder has signed for an ingredient of a plan, even if it was released."""
        try:
            self.verify(package)
        except InvalidEnvelopeError as error:
            descriptor = self._descriptor(package)
            name = descriptor.name.short
            raise RefusedReleaseError(
                f"{plan.name} {plan.version}-{plan.revision} was built against {describe(descriptor)}, and no allowed "
                f"builder has attested that: {error.message}",
                remedy=f"Raise the revision in the recipe that makes {name}, so that an allowed builder makes it, and "
                f"in that of {plan.name.short} where that is not rebuilt automatically; submit both. If the builder of "
                f"{name} is to be trusted after all, allow it: `farm keys draft targets --allow-builder`.",
                code="removed-builder",
            ) from error
        self._trusted.add(package)

    def check_recipe(self, package: BuiltAgainst, recipe: Digest) -> tuple[VerifiedProvenance, Recipe]:
        """Check that a recipe, e.g. one with newer tests, is signed by an owner and leads to the same plan."""
        verified = self.verify(package)
        self._context.ownership.check(verified.plan.name.short, recipe)
        return verified, self._context.plans.check(verified.plan, recipe)

    def _check_described(self, plan: Plan, descriptor: Descriptor) -> None:
        """Check that a descriptor follows from the plan and the files: a worker could add a link to any path."""
        output = output_names(plan).get(descriptor.name.short)
        if output is None or descriptor.name.distribution != plan.name.distribution:
            raise PlanMismatchError(str(plan.name), f"{descriptor.name} is not among its outputs")
        manifest, facts = self._described.manifest(descriptor), self._described.facts(descriptor)
        expected = describe_output(plan, output, manifest, facts, descriptor.diff_id)
        for what, wanted, got in differing_fields(expected, descriptor):
            raise PlanMismatchError(
                str(descriptor.name), f"its {field_name(what)} should be {wanted:.300}, and it has {got:.300}"
            )

    def dependency(self, plan: Plan, dependency: PlannedDependency) -> BuiltAgainst:
        """Return an ingredient of a plan from the evidence. Raises `RefusedReleaseError` if it is missing."""
        found = self._by_tree.get((str(dependency.name), dependency.tree))
        if found is None:
            raise RefusedReleaseError(
                f"{plan.name} {plan.version}-{plan.revision} was built against {dependency.name} {dependency.version} "
                f"({dependency.tree}), which has no provenance",
                remedy="Build both again on this farm.",
                code="unknown-dependency",
            )
        return found

    @cached_property
    def _by_tree(self) -> Mapping[tuple[str, Digest], BuiltAgainst]:
        described = ((self._descriptor(dependency), dependency) for dependency in self._dependencies)
        return {(str(found.name), found.tree): dependency for found, dependency in described}

    def _descriptor(self, package: BuiltAgainst) -> Descriptor:
        return self._described.descriptor(package.descriptor.digest)


def _read_member(described: PublishedDocuments, package: BuiltAgainst) -> Member:
    """Return a package as a member of sets, whether or not its build has been checked."""
    descriptor = described.descriptor(package.descriptor.digest)
    if (package.manifest.digest, package.facts.digest) != (descriptor.tree, descriptor.facts):
        raise RefusedReleaseError(f"manifest or facts of {describe(descriptor)} are not those that it names")
    return described.member(descriptor.digest)


def _check_closure(recipe: Recipe, plan: Plan, members: list[Member]) -> None:
    """Check that only what the recipe names, and what that needs, was present during the build."""
    if not plan.dependencies:
        return
    needed = build_closure(PackageSet.of(members), recipe.build_needs, given=from_toolchain(members))
    if beyond := {dependency.name.short for dependency in plan.dependencies} - {member.name for member in needed}:
        raise PlanMismatchError(
            str(plan.name),
            f"neither the recipe nor its build-needs require {', '.join(sorted(beyond))}, which was in the build "
            "environment",
        )
