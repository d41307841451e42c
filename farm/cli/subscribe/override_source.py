"""The source of an override: a package of another subscription, or one that is built on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from farm.cli.settings import Settings

if TYPE_CHECKING:
    from farm.client.override.overrides import BuiltHere, OfChannel
    from farm.client.repository.host import Host


def source_of(host: Host, package: str, source: str, recipes: Path | None) -> BuiltHere | OfChannel:
    """Return what `source` names: CHANNEL:PACKAGE, a directory with a recipe, or a package of the recipe tree."""
    from farm.client.override.overrides import OfChannel

    channel, colon, name = source.partition(":")
    if colon and not Path(source).exists():
        followed = host.subscriptions.find(channel)
        known = host.catalogue(channel).entry(name)
        return OfChannel(f"{followed.distribution}/{followed.channel}", known.name)
    if "/" in source or Path(source).is_dir():
        return _built(package.rpartition("/")[2], Path(source).absolute(), recipes)
    return _built(source, None, recipes)


def _built(name: str, directory: Path | None, recipes: Path | None) -> BuiltHere:
    """Build a package here, from a recipe in a directory of its own or from the tree's."""
    from farm.build.local_state import LocalState
    from farm.build.recipe_directory import name_of_recipe
    from farm.cli.local_builds import local_builds
    from farm.client.override.local_builds import built_here
    from farm.client.override.overrides import OverrideError

    own = name_of_recipe(_there(directory)) if directory else ""
    settings = Settings.from_environment()
    if not (tree := recipes or settings.recipes).is_dir():
        raise OverrideError(
            f"{name} is built beside a tree of recipes, with its toolchains and what it is built against, and there is "
            f"no directory {tree}",
            remedy="Clone the recipes of the channel's distribution, and name them: `--recipes CLONE/recipes`, or "
            "FARM_RECIPES. A package of another subscription (CHANNEL:PACKAGE) needs none.",
        )
    state = LocalState(settings.state, settings.host)
    with local_builds(recipes, instead=directory) as (builds, _every):
        if own and name not in (makes := builds.recipe(own).package_names):
            # Otherwise the tree's own recipe of that name would be built without notice.
            raise OverrideError(
                f"the recipe in {directory} makes {', '.join(makes)}, and not {name}",
                remedy=f"Name the package that it makes, or a directory with a recipe of {name}.",
            )
        closure = builds.closure([name])
        recipe, plan = builds.recipe(name), builds.plan(name)
    outcome = state.outcome(plan.digest)
    assert outcome is not None  # noqa: S101  (it was recorded just now)
    place = directory or tree / "packages" / recipe.name
    return built_here(
        name,
        closure,
        state.store,
        summary=recipe.summary,
        recipe=recipe.digest,
        provenance=outcome.provenance,
        place=str(place),
    )


def _there(directory: Path) -> Path:
    from farm.client.override.overrides import OverrideError

    if not directory.is_dir():
        raise OverrideError(
            f"there is no directory {directory}",
            remedy="Name a directory with a recipe, a package of the tree of recipes, or CHANNEL:PACKAGE.",
        )
    return directory
