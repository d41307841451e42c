"""What members of a set were built with, as far as this farm still knows it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from farm.core.sets.proof.abi import BuildRoot
from farm.core.sets.proof.interfaces import is_given
from farm.server.jobs.planning import plan_of
from farm.server.packages import packages

if TYPE_CHECKING:
    from farm.core.names.digest import Digest
    from farm.core.plan.plan import Plan
    from farm.core.sets.members.member import Member
    from farm.core.sets.proof.abi import LinkedFiles
    from farm.server.pipeline.members.members import MemberCache
    from farm.server.tables.records import Package
    from farm.server.transaction.unit_of_work import UnitOfWork


class BuildRoots:
    """The packages of plans, each plan read once; for one transaction."""

    def __init__(self, unit: UnitOfWork, shelf: MemberCache, files: LinkedFiles) -> None:
        self._unit = unit
        self._shelf = shelf
        self._files = files
        self._plans: dict[Digest, Plan] = {}
        self._roots: dict[Digest, BuildRoot] = {}
        self._built: dict[tuple[str, Digest], Package] = {}
        self._asked: set[Digest] = set()

    def of(self, member: Member) -> BuildRoot:
        """Return what an own member was built with: the dependencies of its plan, and what the build itself put out.

        It is that of the newest plan that came to its files, with those of the plans before.
        """
        digest = member.descriptor.plan
        if digest not in self._roots:
            later = packages.plans_of(self._unit.session, member.descriptor.digest)
            newest, *others = (self._root(each) for each in (*later, digest))
            self._roots[digest] = replace(newest, others=tuple(others))
        return self._roots[digest]

    def _root(self, digest: Digest) -> BuildRoot:
        plan = self._plan(digest)
        wanted = [(dependency.name.short, dependency.tree) for dependency in plan.dependencies]
        # Many are built with the same.
        if unknown := {tree for _, tree in wanted} - self._asked:
            self._built |= packages.packages_of_tree(self._unit.session, unknown)
            self._asked |= unknown
        there = [self._built[each] for each in wanted if each in self._built]
        own = packages.packages_of_plan(self._unit.session, digest)
        members = tuple(self._shelf.member(package) for package in (*there, *own))
        return BuildRoot(members, self._files, len(there) == len(wanted), lambda member: self._is_given(plan, member))

    def _is_given(self, plan: Plan, member: Member) -> bool:
        """Say whether a member is made of the very Debian packages of the toolchain that a plan is carried out with."""
        debs = next(
            (toolchain.debs for toolchain in self._unit.inputs.toolchains.values() if toolchain.tree == plan.toolchain),
            {},
        )
        return is_given(self._plan(member.descriptor.plan), debs)

    def _plan(self, digest: Digest) -> Plan:
        if digest not in self._plans:
            self._plans[digest] = plan_of(self._unit, digest)
        return self._plans[digest]
