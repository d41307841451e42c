"""Whether packages were built as their recipes say: provenance, plan, and the same of all that they were built against.

A dependency that was never released is checked like one that is: code of it may be in what was built against it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from farm.compat import Member, PackageSet, build_closure, from_toolchain
from farm.countersign.plans import PlanMismatchError
from farm.countersign.refusal import RefusedReleaseError
from farm.fileset import Manifest
from farm.package import Descriptor, PackageFacts
from farm.trust.blob_limits import LARGEST
from farm.trust.provenance import describe, verify_provenance

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from farm.blobs import BlobStore
    from farm.countersign.plans import Plans
    from farm.names import Digest
    from farm.plan import BlobRef, Plan, PlannedDependency
    from farm.recipe import Recipe
    from farm.trust.builders import AllowedBuilders
    from farm.trust.release_evidence import BuiltAgainst, ReleaseEvidence


class Verified(Protocol):
    """What the signer has found in order before, by the digests of descriptors."""

    def has(self, descriptor: Digest) -> bool:
        """Say whether the build of a package was checked, or the package was signed, before."""


class UnknownDependencyError(RefusedReleaseError):
    """A package was built against something of which nobody has shown how it was built."""

    code = "unknown-dependency"

    def __init__(self, package: str, dependency: PlannedDependency) -> None:
        super().__init__(
            f"{package} was built against {dependency.name} {dependency.version} ({dependency.tree}), and there is no "
            "provenance of that",
            remedy="Build both again on this farm.",
        )


class Builds:
    """Checks builds for one release; what is found in order is remembered, and told by `checked`."""

    def __init__(
        self, plans: Plans, builders: AllowedBuilders, evidence: ReleaseEvidence, blobs: BlobStore, verified: Verified
    ) -> None:
        self._plans = plans
        self._builders = builders
        self._blobs = blobs
        self._verified = verified
        self._dependencies = evidence.dependencies
        self._by_tree: dict[tuple[str, Digest], tuple[BuiltAgainst, Descriptor]] | None = None
        self.checked: dict[Digest, Descriptor] = {}

    def check(self, descriptor: Descriptor, provenance: BlobRef, recipe: Digest) -> None:
        """See that a package was built as its recipe says, and all that it was built against.

        Raises `RefusedReleaseError`, `ProvenanceError`, `InvalidEnvelopeError`, `MissingBlobError` and the like.
        """
        waiting = [(descriptor, provenance, recipe)]
        while waiting:
            package, envelope, made_of = waiting.pop()
            if package.digest in self.checked or self._verified.has(package.digest):
                continue
            self.checked[package.digest] = package
            plan = verify_provenance(self._read(envelope, "provenance"), self._builders, package, made_of)
            found = [self._dependency(plan, each) for each in plan.dependencies]
            _check_closure(self._plans.check(plan, made_of), plan, self._members(each for each, _ in found))
            waiting += [(described, each.provenance, each.recipe) for each, described in found]

    def _dependency(self, plan: Plan, dependency: PlannedDependency) -> tuple[BuiltAgainst, Descriptor]:
        found = self._all().get((str(dependency.name), dependency.tree))
        if found is None or found[1].version != dependency.version:
            raise UnknownDependencyError(f"{plan.name} {plan.version}-{plan.revision}", dependency)
        return found

    def _all(self) -> Mapping[tuple[str, Digest], tuple[BuiltAgainst, Descriptor]]:
        if self._by_tree is None:
            described = [(each, self._descriptor(each.descriptor)) for each in self._dependencies]
            self._by_tree = {(str(found.name), found.tree): (each, found) for each, found in described}
        return self._by_tree

    def _members(self, packages: Iterable[BuiltAgainst]) -> list[Member]:
        members = []
        for each in packages:
            descriptor = self._descriptor(each.descriptor)
            if (each.manifest.digest, each.facts.digest) != (descriptor.tree, descriptor.facts):
                raise RefusedReleaseError(f"manifest or facts of {describe(descriptor)} are not those that it names")
            facts = PackageFacts.from_json(self._read(each.facts, "facts"))
            members.append(Member.of(descriptor, facts, Manifest.from_json(self._read(each.manifest, "manifest"))))
        return members

    def _descriptor(self, blob: BlobRef) -> Descriptor:
        return Descriptor.from_json(self._read(blob, "descriptor"))

    def _read(self, blob: BlobRef, kind: str) -> bytes:
        size = self._blobs.size(blob.digest)
        if size > LARGEST[kind]:
            raise RefusedReleaseError(f"the {kind} {blob.digest} has {size} bytes, and the most is {LARGEST[kind]}")
        return self._blobs.read(blob.digest)


def _check_closure(recipe: Recipe, plan: Plan, members: list[Member]) -> None:
    """See that nothing was there during the build but what the recipe names, and what that needs."""
    if not plan.dependencies:
        return
    needed = build_closure(PackageSet.of(members), recipe.build_needs, given=from_toolchain(members))
    if beyond := {each.name.short for each in plan.dependencies} - {each.name for each in needed}:
        raise PlanMismatchError(
            str(plan.name), f"{', '.join(sorted(beyond))} was there during the build, which nothing of it needs"
        )
