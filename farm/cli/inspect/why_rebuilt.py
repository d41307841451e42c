"""Why a package would be rebuilt on this machine: a section of `farm why`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from farm.cli.inspect.comparison_lines import input_in_words
from farm.cli.inspect.why_sections import Section
from farm.core.names.wording import counted
from farm.core.plan.graph import UnknownRecipeError
from farm.errors import FarmError, in_words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from farm.build.local.forecast import Forecast
    from farm.cli.inspect.why_sections import Question
    from farm.core.comparison.inputs import InputChange
    from farm.core.policy.tree import RecipeTree


def rebuilt_here(question: Question) -> Section | None:
    """Return why the recipe here would be built: against its newest build here, else against the channel's.

    None without a tree of recipes, or without a recipe of that name in it. Not known where problems of the tree leave
    that open.
    """
    from farm.build.local.forecast import forecast
    from farm.build.local_state import LocalState
    from farm.cli.recipes_option import read_part, scope_of
    from farm.core.lint.part_of_tree import graph_of
    from farm.core.names.platform import Platform

    settings = question.settings
    place = question.recipes or settings.recipes
    if not question.recipes and not (place / "packages").is_dir():
        return None
    try:
        files, tree = read_part(place, scope_of(question.short))
    except FarmError as error:
        if not place.is_dir():
            raise
        line = "rebuilt: not known, as the tree has problems (`farm lint`)"
        return Section({"against": None, "why-not": error.message}, [line], knows=False)
    try:
        graph_of(tree).recipe_of(question.short)
    except UnknownRecipeError:
        return None
    state = LocalState(settings.state, settings.host)
    if next(state.builds_of(question.short), None) is None:
        return _since_channel(question, tree)
    found = forecast(tree, files, state, Platform("linux", "amd64"), question.short)
    return Section({"against": "built here", **found.to_dict()}, list(_lines(question.short, found)))


def _lines(name: str, found: Forecast) -> Iterator[str]:
    if found.is_built:
        yield f"rebuilt: no; `farm build {name}` would build nothing, as its plan is built already"
        return
    if found.toolchain:
        yield f"rebuilt: not known, as the toolchain {found.toolchain} is not on this host"
    elif found.inputs is None:
        yield "rebuilt: yes, against dependencies that are built first"
    elif found.inputs:
        yield f"rebuilt: yes, {_count(found.inputs)} since the newest build here"
        yield from _each(found.inputs)
    else:
        yield "rebuilt: only if a dependency that is built first comes out different"
    if found.first:
        yield f"  built first: {in_words(found.first)}"


def _since_channel(question: Question, tree: RecipeTree) -> Section:
    """Return how the recipe here differs from the build of the channel; nothing was built here to compare with."""
    from farm.build.local.forecast import changes_since
    from farm.cli.subscriber import open_host

    try:
        catalogue = open_host(question.settings).catalogue_of([question.name], question.channel)
        package, plan = catalogue.checked(question.name)
    except FarmError as error:
        missing = {"against": None, "why-not": error.message}
        return Section(missing, [f"rebuilt: it was never built here, and {error.message}"])
    against = str(catalogue.release)
    inputs = changes_since(tree, question.short, plan)
    form: dict[str, Any] = {"against": against, "inputs": [change.to_dict() for change in inputs]}
    if not inputs:
        line = f"rebuilt: the recipe here asks for the build of {against}, if toolchain and dependencies are the same"
        return Section(form, [line])
    version = f"{package.descriptor.version}-{package.descriptor.revision}"
    heading = f"rebuilt: yes, {_count(inputs)} since {version} in {against}"
    return Section(form, [heading, *_each(inputs)])


def _count(inputs: Sequence[InputChange]) -> str:
    return f"{counted(len(inputs), 'input')} changed"


def _each(inputs: Sequence[InputChange]) -> list[str]:
    return [f"  {input_in_words(change)}" for change in inputs]
