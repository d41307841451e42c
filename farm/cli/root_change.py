"""What the verbs that change a root share: their options, the words for what changes, and the channel of a root."""

from __future__ import annotations

import os
import sys
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from farm.cli.output import say
from farm.cli.override_lines import override_lines
from farm.cli.result import tell_result
from farm.cli.sensitive_lines import sensitive_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from farm.client.repository.catalogue import Catalogue, VerifiedPackage
    from farm.client.repository.host import Host
    from farm.client.root.generations import Root
    from farm.client.root.installation import Change, InstallOptions

root_option = click.option(
    "--root", required=True, type=click.Path(path_type=Path), help="The directory that farm installs into."
)
dry_run_option = click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")


def open_root(path: Path) -> Root:
    """Return the root at a path, which need not be there."""
    from farm.client.root.generations import Root

    return Root(path.absolute())


def catalogue_for(host: Host, root: Root, channel: str, names: Iterable[str] = ()) -> Catalogue:
    """Return the newest release of the channel that was named, else of the one that the root was installed from.

    In a root that holds nothing yet it is the channel that has these names.

    Overrides of the host and of the root stand in wherever a set is made of it.
    """
    from farm.client.image.substitution import overridden
    from farm.client.override.overrides import Scope
    from farm.client.root.root_channel import catalogue_of_root

    return overridden(host, catalogue_of_root(host, root, names, channel), Scope.of_root(root.path))


def newest_for(host: Host, root: Root, channel: str, names: Iterable[str] = ()) -> Catalogue:
    """As `catalogue_for`; raises `GoneFromChannelError` where that has no more what was asked for in the root."""
    from farm.client.root.root_channel import check_still_there

    catalogue = catalogue_for(host, root, channel, names)
    check_still_there(host, root, catalogue)
    return catalogue


def terms(
    *, dry_run: bool, as_json: bool, allow: Callable[[Sequence[VerifiedPackage]], None] | None = None
) -> InstallOptions:
    """Return the terms of somebody at a terminal: what changes is said before it does, then a bar moves."""
    from farm.cli.progress import downloads
    from farm.client.root.installation import InstallOptions

    return InstallOptions(
        allow=allow or (lambda _packages: None),
        announce=partial(_announce, err=as_json),
        fetching=lambda size: downloads(size) if size else nullcontext(lambda _blob: None),
        dry_run=dry_run,
        waiting=tell_waiting,
    )


def tell_waiting(place: Path) -> None:
    """Say that somebody else is at work, whom this command waits for."""
    say(f"waiting for another farm command that uses {place}", err=True)


def tell(root: Root, path: Path, change: Change, *, dry_run: bool, as_json: bool) -> None:
    """Say what came of it in one line, and what overrides void in it; `path` is the root as it was named."""
    lines = [_outcome(path, change, dry_run=dry_run), *override_lines(change.after.set.packages)]
    tell_result(lines, change_form(root, change, dry_run=dry_run), as_json=as_json)


def change_form(root: Root, change: Change, *, dry_run: bool = False) -> dict[str, Any]:
    """Return a change as JSON values: `generation` is null where none was made, `fetched` counts bytes of archives."""
    return {
        "root": str(root.path),
        "generation": None if dry_run else change.after.number,
        "asked": list(change.after.set.asked),
        "releases": [release.to_dict() for release in change.after.set.releases],
        "overrides": [override.to_dict() for override in change.after.set.overrides],
        "changes": [package.to_dict() for package in change.packages],
        "sensitive-files": [additions.to_dict() for additions in change.sensitive],
        "fetched": change.fetched,
    }


def _outcome(path: Path, change: Change, *, dry_run: bool) -> str:
    from farm.cli.rendering import counted

    state = change.after
    packages = counted(len(state.set.packages), "package")
    if change.nothing and change.before:
        return f"{path}: nothing changes: generation {change.before.number}, {packages} from {state.releases}"
    if dry_run:
        return f"{path}: would be {packages} from {state.releases}; nothing was changed"
    return f"{path}: generation {state.number}, {packages} from {state.releases}"


def change_lines(change: Change) -> list[str]:
    """Return a line for each package that changes."""
    return [str(package) for package in change.packages]


def _announce(change: Change, *, err: bool) -> None:
    from farm.cli.rendering import human_size

    try:
        for line in change_lines(change):
            say(line, err=err)
        for line in sensitive_lines(change.sensitive):
            say(line, err=err)
        if change.fetched:
            say(f"to fetch: {human_size(change.fetched)}", err=err)
    except BrokenPipeError:
        # Who read the list has read enough (`farm upgrade … | head`): what was asked for is done all the same.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
