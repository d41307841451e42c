"""The builds of the packages of a release: their other outputs, and the packages present during them.

A released package names its build itself; other builds come as evidence, and are checked.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

from farm.checker.reading.published_documents import PublishedDocuments
from farm.checker.reading.refusal import RefusedReleaseError
from farm.core.sets.proof.abi import BuildRoot
from farm.core.sets.proof.interfaces import is_given
from farm.trust.attestation.provenance import outputs_by_plan
from farm.trust.index.tree import IndexTree

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from farm.checker.builds.builds import Builds
    from farm.checker.builds.plans import Plans
    from farm.core.names.digest import Digest
    from farm.core.package.descriptor import Descriptor
    from farm.core.plan.plan import Plan
    from farm.core.sets.members.member import Member
    from farm.core.sets.proof.abi import LinkedFiles
    from farm.signing.evidence import BuiltAgainst, ReleaseEvidence
    from farm.store.blobs import BlobStore
    from farm.trust.index.release_index import Release
    from farm.trust.metadata.builders import AllowedBuilders

    _Files = tuple[str, Digest]


@dataclass(frozen=True, slots=True)
class ReleaseContext:
    """A release to decide about, and the inputs of its checks. `builds` checks the builds in the evidence `brought`."""

    release: Release
    previous: Release | None
    blobs: BlobStore
    builders: AllowedBuilders
    plans: Plans
    brought: ReleaseEvidence
    builds: Builds


@dataclass(frozen=True, slots=True)
class Build:
    """A build: its plan and its outputs, by name."""

    plan: Plan
    outputs: tuple[Member, ...]


class KnownBuilds:
    """The builds of the packages of one release, of the release before it, and of its evidence."""

    def __init__(self, case: ReleaseContext) -> None:
        self._case = case
        self._described = PublishedDocuments(case.blobs)
        heads = filter(None, (case.release, case.previous))
        self._trees = [IndexTree(self._described.blob, head.index) for head in heads]
        self._builds: dict[Digest, Build] = {}
        self._member = cache(self._described.member)
        self._put_out: defaultdict[_Files, dict[Digest, tuple[Member, Build]]] = defaultdict(dict)
        self._dependencies = self._by_files(case.brought.dependencies)
        self._rebuilt = self._by_files(case.brought.rebuilt)

    def root(self, member: Member, files: LinkedFiles) -> BuildRoot:
        """Return what a member was built with; the roots of later builds of the same files are compatible as well.

        Raises `RefusedReleaseError` for a build that does not follow from its recipe.
        """
        later = [self._checked(against) for against in self._rebuilt.get((member.name, member.descriptor.tree), ())]
        newest, *others = (self._root(build, files) for build in (*later, self.of(member)))
        return replace(newest, others=tuple(others))

    def of(self, member: Member) -> Build:
        """Return the build of a member of the release, or of the one before."""
        for release in self._trees:
            entry = release.entry(member.name)
            if entry is not None and entry.descriptor.digest == member.descriptor.digest:
                return self._build(member.descriptor, entry.provenance.digest)
        raise RefusedReleaseError(f"{member.label} is in no release that names its build")

    def having(self, name: str, tree: Digest) -> Sequence[tuple[Member, Build]]:
        """Return the packages with exactly these files, each with its build, from the releases and the evidence.

        Raises `RefusedReleaseError` for a build that does not follow from its recipe.
        """
        for release in self._trees:
            entry = release.entry(name)
            if entry is not None and entry.manifest.digest == tree:
                self._build(self._described.descriptor(entry.descriptor.digest), entry.provenance.digest)
        for against in self._dependencies.get((name, tree), ()):
            self._checked(against)
        return tuple(self._put_out[name, tree].values())

    def _root(self, build: Build, files: LinkedFiles) -> BuildRoot:
        there = []
        for dependency in build.plan.dependencies:
            package = self._case.builds.dependency(build.plan, dependency)
            self._case.builds.check(package)
            there.append(self._member(package.descriptor.digest))
        debs = self._case.plans.debs_of(build.plan.toolchain)
        given = lambda member: is_given(self.of(member).plan, debs)  # noqa: E731  (it is asked of few)
        return BuildRoot((*there, *build.outputs), files, given=given)

    def _checked(self, package: BuiltAgainst) -> Build:
        """Return a build from the evidence."""
        self._case.builds.check(package)
        self._case.builds.verify(package)
        return self._build(self._described.descriptor(package.descriptor.digest), package.provenance.digest)

    def _build(self, descriptor: Descriptor, provenance: Digest) -> Build:
        known = self._builds.get(provenance)
        if known is None or known.plan.digest != descriptor.plan:
            content = self._described.read(provenance, "provenance")
            plan, outputs = outputs_by_plan(content, descriptor.plan)
            members = sorted(map(self._member, outputs), key=lambda member: member.name)
            known = self._builds[provenance] = Build(plan, tuple(members))
            for member in members:
                self._put_out[member.name, member.descriptor.tree][member.descriptor.digest] = member, known
        return known

    def _by_files(self, packages: Iterable[BuiltAgainst]) -> Mapping[_Files, Sequence[BuiltAgainst]]:
        found: defaultdict[_Files, list[BuiltAgainst]] = defaultdict(list)
        for package in packages:
            descriptor = self._described.descriptor(package.descriptor.digest)
            found[descriptor.name.short, descriptor.tree].append(package)
        return found
