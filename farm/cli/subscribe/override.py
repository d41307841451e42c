"""`farm override`: other builds in place of packages of a channel, for this host, a root or an image file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from farm.cli.channel_choice import NO_CHANNEL, ChannelChoice
from farm.cli.groups import VerbGroup
from farm.cli.options import channel_option, json_option
from farm.cli.output import tell_result, tell_table
from farm.cli.recipes_option import read_tree, recipes_option, scope_of
from farm.cli.settings import Settings
from farm.cli.subscriber import open_host

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from farm.client.override.overrides import BuiltHere, ChannelPackage, Override, OverrideScope
    from farm.client.repository.catalogue import Catalogue
    from farm.client.repository.host import Host


def _scope_options(command: Callable[..., Any]) -> Callable[..., Any]:
    root = click.option("--root", type=click.Path(path_type=Path), help="For this root only.")
    file = click.option(
        "--image-file",
        "file",
        type=click.Path(path_type=Path, dir_okay=False, exists=True),
        help="For this image file only, as image.yaml.",
    )
    return root(file(command))


class _Overrides(VerbGroup):
    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Take `farm override PACKAGE=SOURCE` for `farm override add PACKAGE=SOURCE`."""
        return super().resolve_command(ctx, ["add", *args] if "=" in args[0] else args)


@click.group(cls=_Overrides)
def override() -> None:
    """Use other builds in place of packages of a channel; list and remove these overrides.

    `farm override PACKAGE=SOURCE` is short for `farm override add PACKAGE=SOURCE`.

    \b
    Example:
      farm override openssl=./my-openssl --recipes ../farm/recipes --why 'patch for CVE-2026-1'
    """


@override.command()
@click.argument("override", metavar="PACKAGE=SOURCE")
@click.option("--why", required=True, help="The reason; all listings show it.")
@_scope_options
@recipes_option
@channel_option
@click.option("--no-channel", "builds_all", is_flag=True, help="Build what SOURCE needs too, instead of fetching it.")
@json_option
def add(
    override: str,
    why: str,
    root: Path | None,
    file: Path | None,
    recipes: Path | None,
    channel: str,
    builds_all: bool,
    as_json: bool,
) -> None:
    """Use SOURCE in place of PACKAGE on this host, or for one root or image file only.

    SOURCE is one of: a directory with a recipe, which is built here like `farm build` does, with the other recipes of
    the tree that --recipes names (a clone of the distribution's); the name of a package of that tree; or
    DISTRIBUTION/CHANNEL:PACKAGE, the package of another subscription in the version of its newest release. What is
    built takes what it needs from PACKAGE's channel, where that has built the same plans. Takes effect with the next
    install, upgrade, run or image build.

    \b
    Examples:
      farm override add openssl=./my-openssl --recipes ../farm/recipes --why 'patch for CVE-2026-1'
      farm override add --root /srv/tools openssl=mine.example.org/edge:openssl --why 'our FIPS build'
    """
    from farm.client.override.overrides import BuiltHere, ChannelPackage, Override, Overrides

    package, found, source = override.partition("=")
    if not found or not package or not source:
        raise click.UsageError(f"{override!r} is not PACKAGE=SOURCE.")
    if not why.strip():
        raise click.UsageError("--why is empty: give the reason.")
    host, scope = open_host(Settings.from_environment()), _scope(root, file)
    catalogue = _catalogue(host, root, file, channel, package)
    known_as = catalogue.known_as(package)
    entry = catalogue.entry(known_as)
    with host.in_use():
        taken_from = NO_CHANNEL if builds_all else catalogue.release.subscription
        replacement = _source_of(host, known_as, source, recipes, taken_from)
        made = Override(
            package=known_as,
            channel=catalogue.release.subscription,
            built=replacement if isinstance(replacement, BuiltHere) else None,
            of_channel=replacement if isinstance(replacement, ChannelPackage) else None,
            why=why.strip(),
            made_for=f"{known_as} {entry.version}-{entry.revision}",
            stands_for=entry.descriptor.digest,
        )
        Overrides(host.state).add(scope, made)
    lines = [
        f"{scope}: {made.source} replaces {made.made_for} of {made.channel}: {made.why}",
        "It takes effect with the next install, upgrade, run or image, which show what is then not guaranteed.",
    ]
    tell_result(lines, _form(scope, made), as_json=as_json)


@override.command("list")
@_scope_options
@json_option
def list_overrides(root: Path | None, file: Path | None, as_json: bool) -> None:
    """List the overrides of this host, or only those of one root or image file.

    The guarantees that they break in a set, and for which dependents, are shown with the set: by `farm list --root`,
    `farm image inspect`, and by `farm run` on standard error.

    \b
    Example:
      farm override list
    """
    from farm.client.override.overrides import Overrides

    overrides = Overrides(Settings.from_environment().state)
    wanted = _scope(root, file) if root or file else None
    found = [(scope, override) for scope, override in overrides.all() if wanted in (None, scope)]
    rows = [
        (str(scope), override.made_for, override.channel, str(override.source), override.why)
        for scope, override in found
    ]
    headings = ("FOR", "INSTEAD OF", "CHANNEL", "SOURCE", "WHY")
    forms = [_form(scope, override) for scope, override in found]
    tell_table(rows, headings, forms, nothing="no overrides", as_json=as_json)


@override.command()
@click.argument("package")
@_scope_options
@channel_option
@json_option
def remove(package: str, root: Path | None, file: Path | None, channel: str, as_json: bool) -> None:
    """Remove the override of PACKAGE.

    The next install, upgrade, run or image build uses the build of the channel again.

    \b
    Example:
      farm override remove --root /srv/tools openssl
    """
    from farm.client.override.overrides import Overrides

    scope = _scope(root, file)
    gone = Overrides(Settings.from_environment().state).remove(scope, package, channel)
    line = f"{scope}: {gone.source} no longer replaces {gone.package} of {gone.channel}"
    tell_result([line], _form(scope, gone), as_json=as_json)


def _form(scope: OverrideScope, override: Override) -> dict[str, Any]:
    return {"for": scope.kind, "path": scope.path, **override.to_dict()}


def _scope(root: Path | None, file: Path | None) -> OverrideScope:
    from farm.client.override.overrides import OverrideScope

    if root and file:
        raise click.UsageError("Give --root or --image-file, not both.")
    if root:
        return OverrideScope.of("root", root)
    return OverrideScope.of("image-file", file) if file else OverrideScope()


def _catalogue(host: Host, root: Path | None, file: Path | None, channel: str, package: str) -> Catalogue:
    """Return the newest release of the root's or image file's channel, unless one is named."""
    from farm.client.root.generations import Root
    from farm.client.root.root_channel import catalogue_of_root
    from farm.core.subscriber.image_file import read_image_file

    if root:
        return catalogue_of_root(host, Root(root.absolute()), [package], channel)
    return host.catalogue_of(
        [package], channel or (read_image_file(file.read_bytes(), str(file)).channel if file else "")
    )


def _source_of(
    host: Host, package: str, source: str, recipes: Path | None, taken_from: str
) -> BuiltHere | ChannelPackage:
    """Return what `source` names: CHANNEL:PACKAGE, a directory with a recipe, or a package of the recipe tree."""
    from farm.client.override.overrides import ChannelPackage

    channel, colon, name = source.partition(":")
    if colon and not Path(source).exists():
        followed = host.subscriptions.find(channel)
        known = host.catalogue(channel).entry(name)
        return ChannelPackage(str(followed), known.name)
    if "/" in source or Path(source).is_dir():
        return _built(package.rpartition("/")[2], Path(source).absolute(), recipes, taken_from)
    return _built(source, None, recipes, taken_from)


def _built(name: str, directory: Path | None, recipes: Path | None, taken_from: str) -> BuiltHere:
    """Build a package here, from a recipe in a directory of its own or from the tree's.

    What it needs is taken from the channel `taken_from`, if the tree is that of its distribution.
    """
    from farm.build.local_state import LocalState
    from farm.build.recipe_directory import name_of_recipe
    from farm.cli.local_builds import local_builds
    from farm.client.override.local_builds import built_here
    from farm.client.override.overrides import OverrideError

    if directory and not directory.is_dir():
        raise OverrideError(
            f"there is no directory {directory}",
            remedy="Name a directory with a recipe, a package of the tree of recipes, or CHANNEL:PACKAGE.",
        )
    own = name_of_recipe(directory) if directory else ""
    settings = Settings.from_environment()
    if not (tree := recipes or settings.recipes).is_dir():
        raise OverrideError(
            f"to build {name}, a tree of recipes with its toolchains and dependencies is needed, and there is no "
            f"directory {tree}",
            remedy="Clone the recipes of the channel's distribution, and name them: `--recipes CLONE/recipes`, or "
            "FARM_RECIPES. A package of another subscription (CHANNEL:PACKAGE) needs none.",
        )
    state = LocalState(settings.state, settings.host)
    is_own = taken_from.rpartition("/")[0] == read_tree(recipes, scope_of()).distribution.domain
    choice = ChannelChoice(taken_from if is_own else NO_CHANNEL)
    with local_builds(recipes, scope_of(own or name, runs=True), instead=directory, choice=choice) as (builds, _every):
        if own and name not in (makes := builds.recipe(own).package_names):
            # Otherwise the tree's own recipe of that name would be built without notice.
            raise OverrideError(
                f"the recipe in {directory} makes {', '.join(makes)}, and not {name}",
                remedy=f"Name the package that it makes, or a directory with a recipe of {name}.",
            )
        closure = builds.closure([name])
        recipe, plan = builds.recipe(name), builds.plan(name)
    outcome = state.outcome(plan.digest, without_archives=True)
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
