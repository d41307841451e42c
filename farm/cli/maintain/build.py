"""`farm build`, `farm test`, `farm rebuild` and `farm plan`: work on recipes on this machine, without a farm."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from farm.cli.local_builds import local_builds
from farm.cli.options import json_option
from farm.cli.output import counted, human_size, say, say_document, say_json, say_lines, styled, table
from farm.cli.recipes_option import recipes_option

if TYPE_CHECKING:
    from pathlib import Path


names_argument = click.argument("names", nargs=-1)
verbose_option = click.option("-v", "--verbose", is_flag=True, help="Show the builds' output as it comes.")


@click.command()
@names_argument
@recipes_option
@click.option("--all", "everything", is_flag=True, help="Build every recipe of the tree.")
@verbose_option
@json_option
def build(names: tuple[str, ...], recipes: Path | None, everything: bool, verbose: bool, as_json: bool) -> None:
    """Build the packages NAMES, and what they are built against, in hermetic containers.

    What was built before from the same plan is kept. Needs root, and a Docker Engine.

    \b
    Example:
      farm build jq
    """

    with local_builds(recipes, verbose=verbose) as (builds, every):
        packages = builds.build(_chosen(names, every, everything))
    if as_json:
        say_json([package.to_dict() for package in packages])
        return
    rows = [
        (
            each.descriptor.name.short,
            f"{each.descriptor.version}-{each.descriptor.revision}",
            human_size(each.archive.size),
            each.descriptor.tree,
        )
        for each in packages
    ]
    say_lines(table(rows, ("PACKAGE", "VERSION", "SIZE", "TREE")))


@click.command()
@names_argument
@recipes_option
@click.option("--all", "everything", is_flag=True, help="Test every recipe of the tree.")
@verbose_option
def test(names: tuple[str, ...], recipes: Path | None, everything: bool, verbose: bool) -> int:
    """Run the tests of recipes, each in a container that holds exactly the test's closure and no compiler.

    Ends with status 1 when a test failed.

    \b
    Example:
      farm test zlib jq
    """
    passed = failed = 0
    with local_builds(recipes, verbose=verbose) as (builds, every):
        for recipe, name, outcome in builds.test(_chosen(names, every, everything)):
            passed += outcome.passed
            failed += not outcome.passed
            mark = styled("ok    ", fg="green") if outcome.passed else styled("FAILED", fg="red")
            say(mark + f" {recipe}: {name}")
            if not outcome.passed:
                say(f"       {outcome.message}")
    say(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


@click.command()
@names_argument
@recipes_option
@click.option("--all", "everything", is_flag=True, help="Rebuild every recipe of the tree.")
@click.option("--check", is_flag=True, required=True, help="Compare the second build with the first.")
@click.option("--hostname", default="elsewhere", show_default=True, help="Host name of the second build.")
@click.option("--cpus", default="0", show_default=True, help="Processors of the second build, as a cpuset.")
@click.option("--days-ahead", default=400, show_default=True, help="How far its clock is ahead (needs faketime).")
@verbose_option
def rebuild(
    names: tuple[str, ...],
    recipes: Path | None,
    everything: bool,
    check: bool,  # noqa: ARG001  # the flag is there to be said; other modes may come
    hostname: str,
    cpus: str,
    days_ahead: int,
    verbose: bool,
) -> int:
    """Build recipes a second time under other circumstances, in the opposite order, and compare the trees.

    Ends with status 1 when a package differs.

    \b
    Example:
      farm rebuild --check jq oniguruma
    """
    from farm.container.sandbox_spec import Variation

    variation = Variation(hostname=hostname, cpus=cpus, clock_offset=days_ahead * 86_400)
    same = different = 0
    with local_builds(recipes, verbose=verbose) as (builds, every):
        for name in reversed(_chosen(names, every, everything)):
            for rebuilt in builds.rebuild(name, variation):
                same += rebuilt.same
                different += not rebuilt.same
                say(f"{'same' if rebuilt.same else 'DIFFERENT':<9}  {rebuilt.package}  {rebuilt.second}")
    say(f"{counted(same, 'package')} equal, {different} different")
    return 1 if different else 0


@click.command()
@click.argument("name")
@recipes_option
def plan(name: str, recipes: Path | None) -> None:
    """Print the plan of a recipe as canonical JSON: everything that decides what its build puts out.

    Builds what the recipe needs first, because a plan names its dependencies by their trees.

    \b
    Example:
      farm plan jq | sha256sum
    """
    with local_builds(recipes) as (builds, _every):
        say_document(builds.plan(name).to_json())


def _chosen(names: tuple[str, ...], every: tuple[str, ...], everything: bool) -> tuple[str, ...]:
    if everything == bool(names):
        raise click.UsageError("Name packages, or say --all.")
    return every if everything else names
