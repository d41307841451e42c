"""`farm build`, `farm rebuild` and `farm plan`: work on recipes on this machine, without a farm."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from farm.cli.channel_choice import channel_options
from farm.cli.local_builds import local_builds
from farm.cli.name_completion import kept_names, recipe_names
from farm.cli.options import json_option
from farm.cli.output import say, say_document, say_lines, table, tell_result
from farm.cli.recipes_option import recipes_option, scope_of
from farm.core.names.wording import counted, human_size

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from farm.build.local.builds import LocalBuilds
    from farm.cli.channel_choice import ChannelChoice
    from farm.cli.output import Line
    from farm.core.plan.job import BuiltPackage


names_argument = click.argument("names", nargs=-1, shell_complete=recipe_names)
verbose_option = click.option(
    "-v", "--verbose", is_flag=True, help="Print the output of builds as it arrives, and why they are made."
)


@click.command()
@names_argument
@recipes_option
@click.option("--all", "everything", is_flag=True, help="Build every recipe of the tree.")
@click.option(
    "--resume",
    default="",
    metavar="NAME",
    shell_complete=kept_names,
    help="Go on with the kept build of NAME, from where it stopped.",
)
@click.option("--fetch-only", is_flag=True, help="Fetch and verify the sources of what has to be built, then stop.")
@channel_options
@verbose_option
@json_option
def build(
    names: tuple[str, ...],
    recipes: Path | None,
    everything: bool,
    resume: str,
    fetch_only: bool,
    choice: ChannelChoice,
    verbose: bool,
    as_json: bool,
) -> None:
    """Build the packages NAMES, and the packages that they need, in hermetic containers.

    A package that was built from the same plan before is not built again, and one that a subscribed channel has from
    the same plan is fetched. All sources are fetched first. A build that fails is kept, for `farm shell` and --resume.
    What a resumed build makes is for a look only: it is not recorded, and never published. Needs root and a Docker
    Engine.

    \b
    Examples:
      farm build jq
      farm build --resume jq
    """
    if resume and (names or everything or fetch_only):
        raise click.UsageError("--resume goes on with one kept build: name nothing else.")
    scope = None if everything else scope_of(*([resume] if resume else names))
    with local_builds(recipes, scope, verbose=verbose, choice=choice) as (builds, every):
        if fetch_only:
            to_build = builds.fetch(chosen_recipes(names, every, everything))
            line = f"all sources are here; to be built: {', '.join(to_build) or 'nothing'}"
            tell_result([line], {"to-build": list(to_build)}, as_json=as_json)
            return
        packages = _resumed(builds, resume) if resume else builds.build(chosen_recipes(names, every, everything))
    tell_result(_table(packages), _form(packages, builds, publishable=not resume), as_json=as_json)


def _resumed(builds: LocalBuilds, name: str) -> tuple[BuiltPackage, ...]:
    from farm.build.local.resume import resume_build

    resumed = resume_build(builds, name)
    recipe, job = resumed.tree.build.recipe, resumed.tree.build.farm_job
    then = f"with the recipe of job {job}: `farm build {recipe}` builds that of the tree cleanly"
    if not job:
        then = f"build it cleanly with `farm build {recipe}`"
        then += f", after `farm patch {recipe}` if you have edited its sources"
    say(
        f"{resumed.tree.name} is complete. It was resumed, so that it is not publishable and was not recorded: {then}.",
        err=True,
    )
    return resumed.packages


@click.command()
@names_argument
@recipes_option
@click.option("--all", "everything", is_flag=True, help="Rebuild every recipe of the tree.")
@click.option("--check", is_flag=True, required=True, help="Compare the second build with the first (required).")
@click.option("--hostname", default="elsewhere", show_default=True, help="The host name of the second build.")
@click.option("--cpus", default="0", show_default=True, help="The processors of the second build, as a cpuset.")
@click.option("--days-ahead", default=400, show_default=True, help="How many days its clock is ahead (needs faketime).")
@channel_options
@verbose_option
def rebuild(
    names: tuple[str, ...],
    recipes: Path | None,
    everything: bool,
    check: bool,  # noqa: ARG001  # required, as other modes may come
    hostname: str,
    cpus: str,
    days_ahead: int,
    choice: ChannelChoice,
    verbose: bool,
) -> int:
    """Build recipes NAMES a second time in a different environment, and compare the results.

    The second build has another host name, other processors and another date, and goes in the opposite order. Lists the
    files that differ. Exits with status 1 when a package differs.

    \b
    Example:
      farm rebuild --check jq oniguruma
    """
    from farm.container.sandbox_spec import Variation

    variation = Variation(hostname=hostname, cpus=cpus, clock_offset=days_ahead * 86_400)
    same = different = 0
    scope = None if everything else scope_of(*names)
    with local_builds(recipes, scope, verbose=verbose, choice=choice) as (builds, every):
        for name in reversed(chosen_recipes(names, every, everything)):
            for rebuilt in builds.rebuild(name, variation):
                is_same = rebuilt.difference is None
                same += is_same
                different += not is_same
                say(f"{'same' if is_same else 'DIFFERENT':<9}  {rebuilt.package}  {rebuilt.second or 'missing'}")
                if rebuilt.difference:
                    say_lines(f"  {line}" for line in rebuilt.difference.lines())
    say(f"{counted(same, 'package')} equal, {different} different")
    return 1 if different else 0


@click.command()
@click.argument("name", shell_complete=recipe_names)
@recipes_option
@channel_options
def plan(name: str, recipes: Path | None, choice: ChannelChoice) -> None:
    """Print the plan of recipe NAME as canonical JSON: all inputs of its build.

    Builds the packages that the recipe needs first, because a plan names them by the digests of their trees; of a
    package that a subscribed channel has, nothing needs to be built or fetched to know that.

    \b
    Example:
      farm plan jq | sha256sum
    """
    with local_builds(recipes, scope_of(name), choice=choice) as (builds, _every):
        say_document(builds.plan(name).to_json())


def _table(packages: Sequence[BuiltPackage]) -> list[Line]:
    rows = [
        (
            package.descriptor.name.short,
            f"{package.descriptor.version}-{package.descriptor.revision}",
            human_size(package.archive.size),
            package.descriptor.tree,
        )
        for package in packages
    ]
    return table(rows, ("PACKAGE", "VERSION", "SIZE", "TREE")) if rows else []


def _form(packages: Sequence[BuiltPackage], builds: LocalBuilds, *, publishable: bool) -> dict[str, Any]:
    """Return the packages that were asked for, and how each recipe was obtained: `kept`, `fetched` or `built`."""
    forms = [package.to_dict() | ({} if publishable else {"publishable": False}) for package in packages]
    recipes = [{"recipe": recipe, "state": state} for recipe, state in builds.states.items()]
    return {"packages": forms, "recipes": recipes, "against": builds.against}


def chosen_recipes(names: tuple[str, ...], every: tuple[str, ...], everything: bool) -> tuple[str, ...]:
    """Return what a verb is to work on: the names that are given, or everything. Raises `click.UsageError`."""
    if everything == bool(names):
        raise click.UsageError("Name packages, or use --all.")
    return every if everything else names
