"""`farm test`: run the tests of recipes on this machine, or list them."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeAlias

import click

from farm.cli.channel_choice import channel_options
from farm.cli.local_builds import local_builds
from farm.cli.maintain.build import chosen_recipes, names_argument, verbose_option
from farm.cli.name_completion import names_of_tests
from farm.cli.options import json_option
from farm.cli.output import say, say_json, say_lines, styled, tell_table
from farm.cli.recipes_option import read_tree, recipes_option, scope_of
from farm.errors import in_words

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from farm.build.local.gates import GateVerdicts
    from farm.cli.channel_choice import ChannelChoice
    from farm.cli.output import Line
    from farm.core.plan.job import TestOutcome

_Tested: TypeAlias = "tuple[str, str, TestOutcome]"
"""A recipe, the name of a test of it, and its outcome."""


@click.command()
@names_argument
@recipes_option
@click.option("--all", "everything", is_flag=True, help="Test every recipe of the tree.")
@click.option(
    "--only",
    multiple=True,
    metavar="TEST",
    shell_complete=names_of_tests,
    help="Run only tests of this name; `*` stands for any text. May be repeated.",
)
@click.option("--list", "lists", is_flag=True, help="List the tests and what they need, and run nothing.")
@channel_options
@verbose_option
@json_option
def test(
    names: tuple[str, ...],
    recipes: Path | None,
    everything: bool,
    only: tuple[str, ...],
    lists: bool,
    choice: ChannelChoice,
    verbose: bool,
    as_json: bool,
) -> int:
    """Run the tests of recipes NAMES in containers.

    The container of a test holds exactly the packages that the test needs, and no compiler. With --only, what other
    tests need is not built. Then the gates of the tree's channels judge the packages, as far as that needs no farm.
    Exits with status 1 when a test failed, or a gate would hold a package back.

    \b
    Examples:
      farm test zlib jq
      farm test gzip --only 'files are*'
      farm test gzip --list
    """
    if lists:
        _list(names, recipes, only, everything=everything, as_json=as_json)
        return 0
    outcomes, verdicts = list[_Tested](), dict[str, "GateVerdicts"]()
    scope = None if everything else scope_of(*names, own_tests=True)
    with local_builds(recipes, scope, verbose=verbose, choice=choice) as (builds, every):
        wanted = chosen_recipes(names, every, everything)
        for recipe, name, outcome in builds.test(wanted, only=only):
            outcomes.append((recipe, name, outcome))
            if not as_json:
                _say(recipe, name, outcome)
        for recipe in builds.tests(wanted, only=only):
            verdicts[recipe] = builds.judge_gates(recipe)
            if not as_json:
                say_lines(_gate_lines(recipe, verdicts[recipe]))
    failed = sum(not outcome.passed for _, _, outcome in outcomes)
    if as_json:
        say_json(_form(outcomes, verdicts))
    else:
        say(f"{len(outcomes) - failed} passed, {failed} failed")
    return 1 if failed or any(verdict.violations for verdict in verdicts.values()) else 0


def _form(outcomes: Sequence[_Tested], verdicts: Mapping[str, GateVerdicts]) -> dict[str, Any]:
    """Return the results of tests, and what gates say of the recipes."""
    tests = [
        {"recipe": recipe, "test": name, "passed": outcome.passed, "message": outcome.message}
        for recipe, name, outcome in outcomes
    ]
    gates = [
        {
            "recipe": recipe,
            "judged": verdict.judged,
            "at-farm": verdict.at_farm,
            "unproven": verdict.unproven,
            "violations": [asdict(violation) for violation in verdict.violations],
        }
        for recipe, verdict in verdicts.items()
    ]
    return {"tests": tests, "gates": gates}


def _say(recipe: str, name: str, outcome: TestOutcome) -> None:
    mark = styled("ok    ", fg="green") if outcome.passed else styled("FAILED", fg="red")
    say(mark + f" {recipe}: {name}")
    if not outcome.passed:
        say(f"       {outcome.message}", indent="       ")


def _gate_lines(recipe: str, verdicts: GateVerdicts) -> Iterator[Line]:
    """Yield which gates would hold packages of a recipe back; if none would, which were judged."""
    for found in verdicts.violations:
        where = f"the gate {found.gate} of {in_words(found.channels)}"
        yield styled("FAILED", fg="red") + f" {recipe}: {where} would hold {found.package} back: {found.reason}"
        if found.remedy:
            yield f"       {found.remedy}"
    if verdicts.judged and not verdicts.violations:
        left = [*verdicts.at_farm, *([f"proof of {in_words(verdicts.unproven)}"] if verdicts.unproven else [])]
        farm = f"; a farm judges {in_words(left)}" if left else ""
        yield f"gates  {recipe}: {in_words(verdicts.judged)} would let it pass{farm}"


def _list(
    names: tuple[str, ...], recipes: Path | None, only: tuple[str, ...], *, everything: bool, as_json: bool
) -> None:
    from farm.core.lint.part_of_tree import graph_of
    from farm.core.recipe.test_selection import select_tests

    tree = read_tree(recipes, None if everything else scope_of(*names))
    graph = graph_of(tree)
    wanted = dict.fromkeys(map(graph.recipe_of, chosen_recipes(names, tuple(tree.recipes), everything)))
    tests = [
        (recipe, test)
        for recipe, chosen in select_tests([tree.recipes[name] for name in wanted], only).items()
        for test in chosen
    ]
    rows = [(recipe, test.name, " ".join(test.needs) or "-") for recipe, test in tests]
    form = {"tests": [{"recipe": recipe, "test": test.name, "needs": list(test.needs)} for recipe, test in tests]}
    tell_table(rows, ("RECIPE", "TEST", "NEEDS"), form, nothing="no tests", as_json=as_json)
