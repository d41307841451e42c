"""The local builds of a tree of recipes, opened for the verbs that build on this machine."""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING

from farm.cli.output import say
from farm.cli.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from farm.building.local import LocalBuilds
    from farm.engine.log_record import LogRecord


@contextlib.contextmanager
def local_builds(
    recipes: Path | None, *, verbose: bool = False, instead: Path | None = None
) -> Iterator[tuple[LocalBuilds, tuple[str, ...]]]:
    """Open the local builds of a tree of recipes, with progress on standard error; yields its recipes' names too.

    `instead` is the directory of one recipe, which is taken in place of the tree's of that name.
    """
    from farm.building.local import LocalBuilds, Reports
    from farm.building.local_state import LocalState
    from farm.building.recipe_directory import read_recipe_directory, with_recipe
    from farm.cli.progress import building
    from farm.engine.address_guard import AddressGuard
    from farm.engine.source_download import DownloadPolicy
    from farm.names import Platform
    from farm.recipe import load_tree

    settings = Settings.from_environment()
    files = read_recipe_directory(recipes or settings.recipes)
    if instead:
        files = with_recipe(files, instead)
    tree = load_tree(files)
    with building() as show:
        reports = Reports(
            progress=show,
            log=_print_line if verbose else lambda _record: None,
            say=partial(say, err=True),
        )
        builds = LocalBuilds(
            tree,
            files,
            LocalState(settings.state, settings.host),
            platform=Platform("linux", "amd64"),
            docker=settings.docker,
            policy=DownloadPolicy(guard=AddressGuard.of(settings.allowed_networks)),
            reports=reports,
        )
        yield builds, tuple(tree.recipes)


def _print_line(record: LogRecord) -> None:
    say(f"{record.step} | {record.text}", err=True)
