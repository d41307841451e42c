"""`farm graph`: what packages need, as a tree, for graphviz, or as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from farm.cli.name_completion import channel_names, package_names
from farm.cli.options import json_option
from farm.cli.output import moving_line, say_json, say_lines
from farm.cli.recipes_option import read_tree, recipes_option
from farm.cli.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from farm.core.lint.part_of_tree import RecipeScope
    from farm.core.plan.need_graph import NeedGraph, NeedKind


@click.command()
@click.argument("names", nargs=-1, shell_complete=package_names)
@click.option("--all", "everything", is_flag=True, help="Show all packages.")
@click.option("--reverse", is_flag=True, help="Show what needs NAMES, rather than what they need.")
@click.option("--build", "only_build", is_flag=True, help="Show only what is needed to build.")
@click.option("--run", "only_run", is_flag=True, help="Show only what is needed at run time.")
@click.option("--tests", is_flag=True, help="Show what tests need too.")
@click.option("--depth", type=click.IntRange(0), help="The most steps from NAMES.")
@click.option("--dot", is_flag=True, help="Print the graph in the language of graphviz.")
@recipes_option
@click.option(
    "--channel",
    default="",
    shell_complete=channel_names,
    help="Show the packages of a subscribed channel's newest release.",
)
@json_option
def graph(
    names: tuple[str, ...], everything: bool, reverse: bool, only_build: bool, only_run: bool, tests: bool,
    depth: int | None, dot: bool, recipes: Path | None, channel: str, as_json: bool,
) -> None:  # fmt: skip
    """Show what packages NAMES need, as a tree of the recipes or of a channel.

    Recipes are of the tree in FARM_RECIPES: what a package needs to be built, and what the recipe and the toolchain say
    that it needs at run time. With --channel, what the packages of a release need at run time, as found in their files.
    A package whose needs are listed further up has a (*). In graphviz's form, solid arrows are needs of builds, dashed
    ones of runs, dotted ones of tests.

    \b
    Examples:
      farm graph jq
      farm graph glibc --reverse --depth 1
      farm graph jq --channel edge
      farm graph --all --dot | dot -Tsvg > needs.svg
    """
    from farm.core.lint.part_of_tree import RecipeScope

    if everything == bool(names):
        raise click.UsageError("Name packages, or use --all.")
    if dot and as_json:
        raise click.UsageError("Choose one of --dot and --json.")
    if channel and (only_build or tests or recipes):
        raise click.UsageError("A release knows only needs at run time: leave --build, --tests and --recipes out.")
    if only_build and only_run:
        raise click.UsageError("Choose one of --build and --run; without either, both are shown.")
    if channel:
        shown, roots = _of_channel(names, channel, whole=everything or reverse)
    else:
        kinds = _kinds(only_build=only_build, only_run=only_run, tests=tests)
        scope = None if everything or reverse else RecipeScope(names, tuple(kinds))
        shown, roots = _of_recipes(names, recipes, kinds, scope)
    shown = shown.reverse() if reverse else shown
    starts = roots or shown.tops()
    if as_json:
        say_json(shown.form(starts, depth, reverse=reverse))
    else:
        say_lines(shown.dot(starts, depth, reverse=reverse) if dot else shown.tree(starts, depth))


def _kinds(*, only_build: bool, only_run: bool, tests: bool) -> list[NeedKind]:
    from farm.core.plan.need_graph import NeedKind

    wanted = ((NeedKind.BUILD, not only_run), (NeedKind.RUN, not only_build), (NeedKind.TEST, tests))
    return [kind for kind, is_wanted in wanted if is_wanted]


def _of_recipes(
    names: tuple[str, ...], recipes: Path | None, kinds: list[NeedKind], scope: RecipeScope | None
) -> tuple[NeedGraph, list[str]]:
    from farm.core.lint.part_of_tree import graph_of
    from farm.core.plan.need_graph import recipe_graph

    tree = read_tree(recipes, scope)
    builds = graph_of(tree)
    runtime = {name: definition.runtime for name, definition in tree.toolchains.items()}
    roots = list(dict.fromkeys(builds.recipe_of(name) for name in names))
    return recipe_graph(tree.recipes, builds, runtime, kinds), roots


def _of_channel(names: tuple[str, ...], channel: str, *, whole: bool) -> tuple[NeedGraph, list[str]]:
    from farm.cli.subscriber import open_host
    from farm.client.audit.channel_graph import channel_graph

    catalogue = open_host(Settings.from_environment()).catalogue(channel)
    roots = list(dict.fromkeys(catalogue.known_as(name) for name in names))
    for name in roots:
        catalogue.entry(name)  # a name that is not there is an error also where all packages are read
    with moving_line() as show:
        found = channel_graph(catalogue, None if whole else roots, lambda number: show(f"read {number:,} packages"))
    return found, roots
