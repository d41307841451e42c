"""Local builds of a tree of recipes, and its toolchains, for verbs that build on this machine."""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING

import click

from farm.cli.output import say
from farm.cli.recipes_option import read_part
from farm.cli.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from farm.build.local.builds import LocalBuilds
    from farm.build.local.reports import Reports
    from farm.build.toolchain.toolchain import Toolchain
    from farm.cli.channel_choice import ChannelChoice
    from farm.cli.progress import BuildLines, MovingBuildLine
    from farm.container.log_record import LogRecord
    from farm.core.lint.part_of_tree import RecipeScope
    from farm.core.policy.tree import RecipeTree
    from farm.core.recipe.toolchain import ToolchainDefinition


@contextlib.contextmanager
def local_builds(
    recipes: Path | None,
    scope: RecipeScope | None = None,
    *,
    verbose: bool = False,
    instead: Path | None = None,
    choice: ChannelChoice | None = None,
) -> Iterator[tuple[LocalBuilds, tuple[str, ...]]]:
    """Open the local builds of a tree of recipes, with progress on standard error; yields the names of its recipes too.

    Recipes outside `scope` may have problems; by default, none may. `instead` is the directory of one recipe, which
    replaces that of the same name in the tree. `choice` is the channel to take published builds from. `farm gc` waits
    until the end of the block.
    """
    from farm.build.local.builds import LocalBuilds
    from farm.build.local_state import LocalState
    from farm.cli.channel_choice import ChannelChoice, channel_builds
    from farm.cli.progress import TerminalProgress, building
    from farm.cli.subscriber import open_host
    from farm.core.names.platform import Platform
    from farm.store.http.address_guard import AddressGuard
    from farm.store.http.download_policy import DownloadPolicy

    settings = Settings.from_environment()
    choice = choice or ChannelChoice()
    files, tree = read_part(recipes or settings.recipes, scope, instead=instead)
    host = open_host(settings)
    with building(shows_log=verbose) as show, host.in_use(TerminalProgress().wait_for):
        builds = LocalBuilds(
            tree,
            files,
            LocalState(settings.state, settings.host),
            platform=Platform("linux", "amd64"),
            docker=settings.docker,
            policy=DownloadPolicy(guard=AddressGuard.of(settings.allowed_networks)),
            reports=_reports(show, verbose=verbose),
            kept_bytes=settings.kept_bytes,
            published=channel_builds(choice, host, tree.distribution.domain),
            against_newest=bool(choice.against),
        )
        yield builds, tuple(tree.recipes)
    if against := builds.built_against:
        say(f"built against {against}: from the tree's recipes, a farm may make something else", err=True)


def _reports(show: BuildLines | MovingBuildLine, *, verbose: bool) -> Reports:
    from farm.build.local.reports import Reports
    from farm.cli.progress import fetching_sources, making_toolchain, work_ahead_line

    return Reports(
        progress=show.progress,
        doing=show.doing,
        ahead=lambda ahead: say(work_ahead_line(ahead), err=True),
        log=_print_line if verbose else show.log,
        say=partial(say, err=True),
        detail=partial(say, err=True) if verbose else lambda _text: None,
        sources=fetching_sources,
        toolchain=making_toolchain,
    )


def prepare_toolchains(tree: RecipeTree, settings: Settings, names: tuple[str, ...] = ()) -> list[Toolchain]:
    """Return toolchains of this host by name, or all, making missing ones; prints on standard error what it relocks."""
    from farm.build.toolchain.toolchain import ensure_toolchain_within_suite
    from farm.cli.progress import making_toolchain
    from farm.store.blobs import BlobStore

    store, cache = BlobStore(settings.host / "blobs"), settings.host / "toolchains"
    made = []
    for name in names or sorted(tree.toolchains):
        definition = definition_of(tree, name)
        made.append(
            ensure_toolchain_within_suite(
                definition,
                tree.lock_of(name),
                store,
                cache,
                say=lambda text: say(text, err=True),
                making=making_toolchain,
            )
        )
    return made


def definition_of(tree: RecipeTree, name: str) -> ToolchainDefinition:
    """Return the toolchain of a tree by its name. Raises `click.UsageError`."""
    if name not in tree.toolchains:
        raise click.UsageError(f"There is no toolchain {name}. The tree has {', '.join(sorted(tree.toolchains))}.")
    return tree.toolchains[name]


def _print_line(record: LogRecord) -> None:
    say(f"{record.step} | {record.text}", err=True)
