"""What `farm build` would build now, and why: nothing is built, and no toolchain is made."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from farm.build.local.build_orders import BuildOrders
from farm.build.local.outcomes import Outcomes
from farm.build.local.toolchains import TreeToolchains
from farm.core.comparison.inputs import InputChange, InputKind, InputValue, input_changes
from farm.core.lint.part_of_tree import graph_of
from farm.core.names.form import Form
from farm.core.plan.pin import pin
from farm.core.policy.tree import files_beside
from farm.core.recipe.declared_sources import RECIPE_FILE, contents_of, recipe_file
from farm.trust.attestation.provenance import plan_by_digest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from farm.build.local_state import LocalState
    from farm.core.names.platform import Platform
    from farm.core.package.descriptor import Descriptor
    from farm.core.plan.job import BuildOutcome
    from farm.core.plan.plan import Plan
    from farm.core.policy.tree import RecipeTree


@dataclass(frozen=True, slots=True)
class Forecast(Form, record="forecast of a build"):
    """What would happen to a recipe.

    `is_built`: its plan is built already. `inputs` are those that differ from its newest build; None where it was never
    built here, or where that cannot be known before the recipes `first` are built, or the `toolchain` is made. With
    `first`, further inputs may turn out to differ.
    """

    recipe: str
    is_built: bool
    inputs: tuple[InputChange, ...] | None
    first: tuple[str, ...] = ()
    toolchain: str = ""


def forecast(
    tree: RecipeTree, files: Mapping[str, bytes], state: LocalState, platform: Platform, name: str
) -> Forecast:
    """Return what a build of the package `name` would do. Raises `UnknownRecipeError`, `OpenSetError`.

    What it needs is taken from its newest builds here, in the order of building.
    """
    now = _plan_now(tree, files, state, platform, name)
    if now.toolchain:
        return Forecast(now.recipe, is_built=False, inputs=None, first=now.first, toolchain=now.toolchain)
    newest = next(state.builds_of(now.recipe), None)
    if newest is None or now.plan is None:
        return Forecast(now.recipe, is_built=False, inputs=None, first=now.first)
    is_built = state.outcome(now.plan.digest, without_archives=True) is not None and not now.first
    changes = () if is_built else input_changes(_plan(state, newest.outcome), now.plan)
    return Forecast(now.recipe, is_built, changes, now.first)


def recipe_of_build(
    tree: RecipeTree, files: Mapping[str, bytes], state: LocalState, platform: Platform, build: Descriptor
) -> Mapping[str, bytes] | None:
    """Return the files of the recipe as it is now, by name, if this build of a package is still its build.

    None where it is not, or where that cannot be known without building. Raises as `forecast`.
    """
    now = _plan_now(tree, files, state, platform, build.name.short)
    if now.first or now.plan is None or now.plan.digest != build.plan:
        return None
    text, beside = files[recipe_file(now.recipe)], files_beside(files, now.recipe)
    named = contents_of(text, tree.recipes[now.recipe].sources, beside).files
    return {RECIPE_FILE: text, **{file: beside[file] for file in named}}


@dataclass(frozen=True, slots=True)
class _PlanNow:
    """The plan of a recipe with the newest builds of what it needs; None without these, or without its toolchain.

    `first` are recipes that would be built before, `toolchain` is the one that would be made.
    """

    recipe: str
    plan: Plan | None
    first: tuple[str, ...]
    toolchain: str = ""


def _plan_now(
    tree: RecipeTree, files: Mapping[str, bytes], state: LocalState, platform: Platform, name: str
) -> _PlanNow:
    graph = graph_of(tree)
    toolchains = TreeToolchains(tree, state.store, state.toolchains, lambda _: None)
    outcomes = Outcomes(graph, state.store)
    orders = BuildOrders(tree, files, platform, toolchains, outcomes, state.store)
    wanted, first = graph.recipe_of(name), list[str]()
    for needed in graph.needed_for(graph.needs[wanted]):
        recipe = tree.recipes[needed]
        can_plan = toolchains.is_made(recipe.toolchain) and outcomes.has_all(graph.needs[needed])
        plan = orders.plan(recipe) if can_plan else None
        kept = state.outcome(plan.digest, without_archives=True) if plan else None
        if kept is None:
            first.append(needed)
        if known := kept or next(state.builds_of(needed), None):
            outcomes.add(needed, known.packages, "kept")
    toolchain = tree.recipes[wanted].toolchain
    if not toolchains.is_made(toolchain):
        return _PlanNow(wanted, None, tuple(first), toolchain)
    plan = orders.plan(tree.recipes[wanted]) if outcomes.has_all(graph.needs[wanted]) else None
    return _PlanNow(wanted, plan, tuple(first))


def changes_since(tree: RecipeTree, name: str, plan: Plan) -> tuple[InputChange, ...]:
    """Return how the present recipe of a package differs from a plan that was carried out elsewhere.

    Toolchain and dependencies are those of the plan: what this tree would build them to is not known here. A build-need
    that the plan does not have is an input without a value before. Raises `UnknownRecipeError`, `FarmError`.
    """
    recipe = tree.recipes[graph_of(tree).recipe_of(name)]
    known = {dependency.name.short for dependency in plan.dependencies}
    here = tuple(need for need in recipe.build_needs if need.rpartition("/")[2] in known)
    dependencies = [replace(dependency, direct=dependency.name.short in here) for dependency in plan.dependencies]
    now = pin(
        replace(recipe, build_needs=here),
        distribution=tree.distribution.domain,
        platform=plan.platform,
        toolchain=plan.toolchain,
        toolchain_debs={deb.name: deb.digest for deb in tree.lock_of(recipe.toolchain).debs},
        dependencies=dependencies,
    )
    new = [need for need in recipe.build_needs if need not in here]
    return (
        *input_changes(plan, now),
        *(InputChange(InputKind.DEPENDENCY, need, None, InputValue("a new build-need")) for need in new),
    )


def _plan(state: LocalState, outcome: BuildOutcome) -> Plan:
    return plan_by_digest(state.store.read(outcome.provenance), outcome.packages[0].descriptor.plan)
