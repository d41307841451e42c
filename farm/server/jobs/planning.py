"""Planning: the plan of a recipe whose needs are all built, and the order for its worker."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from farm.core.plan.job import BuildOrder, DependencyArchive, TestOrder
from farm.core.plan.pin import pin, source_origins
from farm.core.plan.plan import Plan, PlannedDependency
from farm.core.recipe.toolchain import ToolchainLock
from farm.core.sets.members.package_set import PackageSet
from farm.core.sets.proof.closure import build_closure, from_toolchain
from farm.errors import FarmError
from farm.server.jobs import comparisons
from farm.server.packages.build_numbers import number_of
from farm.server.previews.build_scope import BuildScope
from farm.server.recipes import recipes
from farm.server.tables.job_rows import PackageTestRow, PlanRow
from farm.server.tables.states import JobKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from farm.core.names.digest import Digest
    from farm.core.plan.abi import AbiOrder
    from farm.core.recipe.recipe import Limits, Recipe
    from farm.core.sets.members.member import Member
    from farm.server.tables.records import Job, Package, RecipeRevision
    from farm.server.transaction.planning_inputs import ToolchainRef
    from farm.server.transaction.unit_of_work import UnitOfWork


def plan_for(scope: BuildScope, recipe: Recipe, needs: Iterable[str]) -> Plan:
    """Return the plan that builds a recipe against the packages that the scope has of the recipes `needs`.

    Raises what `build_closure` and `pin` raise.
    """
    unit = scope.unit
    members = [unit.packages.member(package) for package in scope.current_packages(needs)]
    closure = build_closure(PackageSet.of(members), recipe.build_needs, given=from_toolchain(members))
    return pinned(unit, recipe, [_planned(member, recipe) for member in closure])


def replan(unit: UnitOfWork, recipe: Recipe, done: Job) -> bool:
    """Return whether the recipe has another plan now than its finished job had, against the same packages."""
    if done.subject is None:
        return True
    before = plan_of(unit, done.subject)
    return pinned(unit, recipe, before.dependencies).digest != done.subject


def plan_of(unit: UnitOfWork, digest: Digest) -> Plan:
    """Return a stored plan."""
    return Plan.from_dict(json.loads(unit.session.get_one(PlanRow, digest).body))


def build_order(unit: UnitOfWork, job: Job) -> BuildOrder:
    """Return the order with which a worker carries out a build job."""
    recipe = recipe_of(unit, job)
    plan = plan_of(unit, subject_of(job))
    trees = BuildScope(unit, job.preview).packages_of_tree([dependency.tree for dependency in plan.dependencies])
    archives = tuple(
        _archive(dependency, trees[dependency.name.short, dependency.tree]) for dependency in plan.dependencies
    )
    toolchain = toolchain_of(unit, recipe)
    takes_debs = any(source.debian_package for source in recipe.sources)
    lock = toolchain_lock(unit, toolchain.lock) if takes_debs else None
    origins = source_origins(recipe, toolchain.debs, lock)
    build = number_of(unit.session, plan.digest)
    return BuildOrder(plan, recipe.digest, origins, recipe.limits, archives, build)


def test_order(unit: UnitOfWork, job: Job) -> TestOrder:
    """Return the order with which a worker carries out a test job."""
    return TestOrder.from_dict(json.loads(unit.session.get_one(PackageTestRow, subject_of(job)).body))


def comparison_order(unit: UnitOfWork, job: Job) -> AbiOrder:
    """Return the order with which a worker carries out a comparison job."""
    return comparisons.comparison(unit.session, subject_of(job)).order


def limits_of(unit: UnitOfWork, job: Job) -> Limits:
    """Return the limits of a job."""
    match job.kind:
        case JobKind.BUILD:
            return recipe_of(unit, job).limits
        case JobKind.TEST:
            return test_order(unit, job).limits
        case JobKind.COMPARISON:
            return comparison_order(unit, job).limits


def revision_of(unit: UnitOfWork, job: Job) -> RecipeRevision:
    """Return the revision of the recipe that a job builds."""
    if job.revision_id is None:
        raise LookupError(f"job {job.id} has no recipe")
    return recipes.revision(unit.session, job.revision_id)


def recipe_of(unit: UnitOfWork, job: Job) -> Recipe:
    """Return the recipe that a job builds."""
    return unit.recipes.recipe(revision_of(unit, job))


def subject_of(job: Job) -> Digest:
    """Return the plan or the order of a job that has one by now."""
    if job.subject is None:
        raise LookupError(f"job {job.id} has no plan yet")
    return job.subject


def toolchain_of(unit: UnitOfWork, recipe: Recipe) -> ToolchainRef:
    """Return the toolchain that a recipe names. Raises `FarmError` if the farm has it no more."""
    found = unit.inputs.toolchains.get(recipe.toolchain)
    if found is None:
        raise FarmError(
            f"this farm no longer has the toolchain {recipe.toolchain!r}, which {recipe.name} is built with",
            remedy="Add it to the farm's recipes again, or submit the recipe with another toolchain.",
            code="unknown-toolchain",
        )
    return found


def toolchain_lock(unit: UnitOfWork, digest: Digest | None) -> ToolchainLock | None:
    """Return the lock of a toolchain, if the farm has it."""
    if digest is None or not unit.blobs.has(digest):
        return None
    return ToolchainLock.from_text(unit.blobs.read(digest), name="", file=f"the toolchain's lock {digest}")


def pinned(unit: UnitOfWork, recipe: Recipe, dependencies: Sequence[PlannedDependency]) -> Plan:
    """Pin a recipe to these packages and the current toolchain. Raises what `pin` raises."""
    toolchain = toolchain_of(unit, recipe)
    return pin(
        recipe,
        distribution=unit.inputs.distribution,
        platform=unit.inputs.platform,
        toolchain=toolchain.tree,
        toolchain_debs=toolchain.debs,
        dependencies=dependencies,
    )


def _planned(member: Member, recipe: Recipe) -> PlannedDependency:
    descriptor = member.descriptor
    return PlannedDependency(
        descriptor.name, descriptor.version, descriptor.tree, direct=member.name in recipe.build_needs
    )


def _archive(dependency: PlannedDependency, package: Package) -> DependencyArchive:
    return DependencyArchive(
        tree=package.tree,
        store=dependency.store,
        archive=package.archive,
        manifest=package.manifest,
        descriptor=package.digest,
    )
