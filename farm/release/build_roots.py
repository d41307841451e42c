"""What members of a set were built with, as far as this farm still knows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.compat.abi import BuildRoot
from farm.control.planning import plan_of
from farm.database import packages

if TYPE_CHECKING:
    from farm.compat import Member
    from farm.compat.abi import LinkedFiles
    from farm.control.desk import Desk
    from farm.names import Digest
    from farm.plan import Plan
    from farm.release.members import MemberShelf


class BuildRoots:
    """The packages of plans, each plan read once; for one transaction."""

    def __init__(self, desk: Desk, shelf: MemberShelf, files: LinkedFiles) -> None:
        self._desk = desk
        self._shelf = shelf
        self._files = files
        self._plans: dict[Digest, Plan] = {}
        self._roots: dict[Digest, BuildRoot] = {}

    def of(self, member: Member) -> BuildRoot:
        """Return what an own member was built with: the dependencies of its plan, and what the build itself put out."""
        digest = member.descriptor.plan
        if digest not in self._roots:
            self._roots[digest] = self._root(digest)
        return self._roots[digest]

    def _root(self, digest: Digest) -> BuildRoot:
        plan = self._plan(digest)
        wanted = [(each.name.short, each.tree) for each in plan.dependencies]
        known = packages.packages_of_tree(self._desk.session, [tree for _, tree in wanted])
        there = [known[each] for each in wanted if each in known]
        own = packages.packages_of_plan(self._desk.session, digest)
        members = tuple(self._shelf.member(each) for each in (*there, *own))
        return BuildRoot(members, self._files, len(there) == len(wanted), lambda member: self._is_given(plan, member))

    def _is_given(self, plan: Plan, member: Member) -> bool:
        """Say whether a member has its files from the packages of the toolchain that a plan is carried out with."""
        provider = self._plan(member.descriptor.plan)
        toolchains = self._desk.world.toolchains.values()
        debs = {deb for each in toolchains if each.tree == plan.toolchain for deb in each.debs.values()}
        return provider.toolchain == plan.toolchain and any(source.digest in debs for source in provider.sources)

    def _plan(self, digest: Digest) -> Plan:
        if digest not in self._plans:
            self._plans[digest] = plan_of(self._desk, digest)
        return self._plans[digest]
