"""The packages that members of a set were built with, as far as this farm still has records of them."""

from __future__ import annotations

import functools
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from farm.core.sets.proof.abi import BuildRoot
from farm.core.sets.proof.interfaces import is_given
from farm.server.jobs.planning import plan_of

if TYPE_CHECKING:
    from farm.core.names.digest import Digest
    from farm.core.plan.plan import Plan
    from farm.core.sets.members.member import Member
    from farm.core.sets.proof.abi import LinkedFiles
    from farm.server.pipeline.members.members import MemberCache
    from farm.server.previews.build_scope import BuildScope
    from farm.server.tables.records import Package


class BuildRoots:
    """The packages of plans, each plan read once; for one transaction."""

    def __init__(self, scope: BuildScope, cache: MemberCache, files: LinkedFiles) -> None:
        self._scope = scope
        self._unit = unit = scope.unit
        self._cache = cache
        self._files = files
        self._plan = functools.cache(partial(plan_of, unit))
        self._roots: dict[Digest, BuildRoot] = {}
        self._built: dict[tuple[str, Digest], Package] = {}
        self._asked: set[Digest] = set()

    def of(self, member: Member) -> BuildRoot:
        """Return the packages that an own member was built with: its plan's dependencies, and the outputs of the build.

        The plan is the newest that led to the member's files; `others` has those of earlier plans.
        """
        digest = member.descriptor.plan
        if digest not in self._roots:
            later = self._scope.plans_of(member.descriptor.digest)
            newest, *others = map(self._root, (*later, digest))
            self._roots[digest] = replace(newest, others=tuple(others))
        return self._roots[digest]

    def _root(self, digest: Digest) -> BuildRoot:
        plan = self._plan(digest)
        wanted = [(dependency.name.short, dependency.tree) for dependency in plan.dependencies]
        # Many packages are built with the same dependencies.
        if unknown := {tree for _, tree in wanted} - self._asked:
            self._built |= self._scope.packages_of_tree(unknown)
            self._asked |= unknown
        there = [self._built[key] for key in wanted if key in self._built]
        own = self._scope.packages_of_plan(digest)
        members = tuple(self._cache.member(package) for package in (*there, *own))
        return BuildRoot(members, self._files, len(there) == len(wanted), lambda member: self._is_given(plan, member))

    def _is_given(self, plan: Plan, member: Member) -> bool:
        """Return whether a member is made of the same Debian packages as the toolchain of the plan."""
        debs = next(
            (toolchain.debs for toolchain in self._unit.inputs.toolchains.values() if toolchain.tree == plan.toolchain),
            {},
        )
        return is_given(self._plan(member.descriptor.plan), debs)
