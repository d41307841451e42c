"""Checks that packages were built from their recipes: provenance and plan, also of all that they were built against.

A dependency that was never released is checked like a released one: its code may be in what was built against it. A
package that was released before has been checked, but its builder may not be trusted any more.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

from farm.checker.builds.plans import PlanMismatchError, field_name
from farm.checker.reading.described import Described
from farm.checker.reading.refusal import Faults, RefusedReleaseError
from farm.core.fileset.manifest import Manifest
from farm.core.names.digest import Digest
from farm.core.package.descriptor import Descriptor
from farm.core.package.facts import PackageFacts
from farm.core.plan.outputs import describe_output, differing_fields, output_names
from farm.core.sets.members.package_set import PackageSet
from farm.core.sets.proof.closure import build_closure, from_toolchain
from farm.signing.evidence import LARGEST_EVIDENCE, BuiltAgainst, InvalidEvidenceError, ReleaseEvidence
from farm.trust.attestation.dsse import InvalidEnvelopeError
from farm.trust.attestation.provenance import describe, verify_provenance

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from farm.checker.builds.ownership import Ownership
    from farm.checker.builds.plans import Plans
    from farm.core.plan.job import BlobRef
    from farm.core.plan.plan import Plan, PlannedDependency
    from farm.core.recipe.recipe import Recipe
    from farm.core.sets.members.member import Member
    from farm.store.blobs import BlobStore
    from farm.trust.attestation.provenance import VerifiedProvenance
    from farm.trust.index.release_index import ReleaseEntry
    from farm.trust.metadata.builders import AllowedBuilders


class Verified(Protocol):
    """What has been verified before, by the digests of descriptors."""

    def has(self, descriptor: Digest) -> bool:
        """Return whether the build of a package was checked, or the package was signed, before."""

    def channels_of(self, descriptor: Digest) -> Collection[str]:
        """Return the channels in which a package was released."""


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
    ownership: Ownership
    verified: Verified


def check_builds(
    new: Iterable[ReleaseEntry], evidence: ReleaseEvidence, context: BuildContext, channel: str
) -> Mapping[Digest, Descriptor]:
    """Check that the new packages of a release, and all that they were built against, were built from their recipes.

    For a package that another channel has released already, check that its ingredients are by allowed builders. Returns
    what was checked, by descriptor: all except what was verified before.
    Raises `RefusedReleaseError`, `ProvenanceError`, `InvalidEnvelopeError`, `MissingBlobError` and the like.
    """
    builds, faults = Builds(context, evidence.dependencies), Faults()
    for entry in new:
        package = _built(entry)
        with faults.of(entry.name):
            builds.check(package)
            known_in = context.verified.channels_of(package.descriptor.digest)
            if known_in and channel not in known_in:
                builds.check_ingredients(package)
            if entry.tests:
                builds.check_recipe(package, entry.tests)
    faults.check()
    return builds.checked


def recipe_of(entry: ReleaseEntry, context: BuildContext) -> tuple[VerifiedProvenance, Recipe]:
    """Return a package's verified provenance, and its recipe, which an owner has signed and which leads to the plan.

    Raises as `check_builds`.
    """
    return Builds(context, ()).check_recipe(_built(entry), entry.recipe)


def _built(entry: ReleaseEntry) -> BuiltAgainst:
    return BuiltAgainst(entry.descriptor, entry.facts, entry.manifest, entry.provenance, entry.recipe)


class Builds:
    """Checks builds for one release, and remembers what has passed, in addition to what was `checked` before."""

    def __init__(
        self,
        context: BuildContext,
        dependencies: Iterable[BuiltAgainst],
        checked: Mapping[Digest, Descriptor] = MappingProxyType({}),
    ) -> None:
        self._context = context
        self._dependencies = dependencies
        self._by_tree: dict[tuple[str, Digest], BuiltAgainst] | None = None
        self._members: dict[Digest, Member] = {}
        self._trusted: set[BuiltAgainst] = set()
        self._described = Described(context.blobs)
        self.checked = dict(checked)

    def check(self, package: BuiltAgainst) -> None:
        """Check that a package, and all that it was built against, was built from its recipe."""
        waiting, seen = [package], dict[Digest, Descriptor]()
        while waiting:
            each = waiting.pop()
            digest = each.descriptor.digest
            if digest in seen or digest in self.checked or self._context.verified.has(digest):
                continue
            member = self.member(each)
            seen[digest] = member.descriptor
            content = self._read(each.provenance, "provenance")
            plan = verify_provenance(content, self._context.builders, member.descriptor, each.recipe).plan
            self._check_described(plan, member.descriptor, each)
            self._context.ownership.check(plan.name.short, each.recipe)
            found = self._ingredients(plan)
            _check_closure(self._context.plans.check(plan, each.recipe), plan, [self.member(other) for other in found])
            waiting += found
        self.checked |= seen  # all of it, or none: another package built against the same gets the same error

    def check_ingredients(self, package: BuiltAgainst) -> None:
        """Check that allowed builders have made all that a package was built against, even if it was verified before.

        Its code may be in the package, whose own builder cannot know.
        """
        content = self._read(package.provenance, "provenance")
        descriptor = self._descriptor(package.descriptor)
        self._ingredients(verify_provenance(content, self._context.builders, descriptor, package.recipe).plan)

    def _ingredients(self, plan: Plan) -> list[BuiltAgainst]:
        found = [self.dependency(plan, dependency) for dependency in plan.dependencies]
        for against in found:
            if against not in self._trusted:
                self._check_builder(against, plan)
        return found

    def _check_builder(self, package: BuiltAgainst, plan: Plan) -> None:
        """Check that an allowed builder has signed for an ingredient of a plan, even if it was released."""
        content, descriptor = self._read(package.provenance, "provenance"), self._descriptor(package.descriptor)
        try:
            verify_provenance(content, self._context.builders, descriptor, package.recipe)
        except InvalidEnvelopeError as error:
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
        content = self._read(package.provenance, "provenance")
        descriptor = self._descriptor(package.descriptor)
        verified = verify_provenance(content, self._context.builders, descriptor, package.recipe)
        self._context.ownership.check(verified.plan.name.short, recipe)
        return verified, self._context.plans.check(verified.plan, recipe)

    def _check_described(self, plan: Plan, descriptor: Descriptor, package: BuiltAgainst) -> None:
        """Check that a descriptor follows from the plan and the files: a worker could add a link to any path."""
        output = output_names(plan).get(descriptor.name.short)
        if output is None or descriptor.name.distribution != plan.name.distribution:
            raise PlanMismatchError(str(plan.name), f"{descriptor.name} is not among its outputs")
        facts = PackageFacts.from_json(self._read(package.facts, "facts"))
        manifest = Manifest.from_json(self._read(package.manifest, "manifest"))
        expected = describe_output(plan, output, manifest, facts, descriptor.diff_id)
        for what, wanted, got in differing_fields(expected, descriptor):
            raise PlanMismatchError(
                str(descriptor.name), f"its {field_name(what)} should be {wanted:.300}, and it has {got:.300}"
            )

    def dependency(self, plan: Plan, dependency: PlannedDependency) -> BuiltAgainst:
        """Return an ingredient of a plan from the evidence. Raises `RefusedReleaseError` if it is missing."""
        found = self._all().get((str(dependency.name), dependency.tree))
        if found is None:
            raise RefusedReleaseError(
                f"{plan.name} {plan.version}-{plan.revision} was built against {dependency.name} {dependency.version} "
                f"({dependency.tree}), which has no provenance",
                remedy="Build both again on this farm.",
                code="unknown-dependency",
            )
        return found

    def _all(self) -> Mapping[tuple[str, Digest], BuiltAgainst]:
        if self._by_tree is None:
            described = ((self._descriptor(dependency.descriptor), dependency) for dependency in self._dependencies)
            self._by_tree = {(str(found.name), found.tree): each for found, each in described}
        return self._by_tree

    def member(self, package: BuiltAgainst) -> Member:
        """Return a package as a member of sets, whether or not its build has been checked."""
        # Many packages are built against few: read these once for a release.
        known = self._members.get(package.descriptor.digest)
        if known is None:
            known = self._members[package.descriptor.digest] = self._read_member(package)
        return known

    def _read_member(self, package: BuiltAgainst) -> Member:
        descriptor = self._descriptor(package.descriptor)
        if (package.manifest.digest, package.facts.digest) != (descriptor.tree, descriptor.facts):
            raise RefusedReleaseError(f"manifest or facts of {describe(descriptor)} are not those that it names")
        return self._described.member(descriptor.digest)

    def _descriptor(self, blob: BlobRef) -> Descriptor:
        return self._described.descriptor(blob.digest)

    def _read(self, blob: BlobRef, kind: str) -> bytes:
        return self._described.read(blob.digest, kind)


def _check_closure(recipe: Recipe, plan: Plan, members: list[Member]) -> None:
    """Check that only what the recipe names, and what that needs, was present during the build."""
    if not plan.dependencies:
        return
    needed = build_closure(PackageSet.of(members), recipe.build_needs, given=from_toolchain(members))
    if beyond := {dependency.name.short for dependency in plan.dependencies} - {member.name for member in needed}:
        raise PlanMismatchError(
            str(plan.name), f"{', '.join(sorted(beyond))} was present during the build, and nothing in it needs that"
        )
