"""Shared by the verbs that change a root: their options, and the output about a change."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from farm.cli.output import say, tell_result
from farm.cli.progress import TerminalProgress
from farm.cli.set_lines import override_lines, sensitive_lines
from farm.core.names.wording import counted, human_size

if TYPE_CHECKING:
    from farm.client.root.generations import Root
    from farm.client.root.installation import Change

root_option = click.option(
    "--root", required=True, type=click.Path(path_type=Path), help="The root: the directory to install into."
)
dry_run_option = click.option("--dry-run", is_flag=True, help="Print what would change, and change nothing.")


def open_root(path: Path) -> Root:
    """Return the root at a path, which need not exist."""
    from farm.client.root.generations import Root

    return Root(path.absolute())


class RootProgress(TerminalProgress):
    """The output about a change of a root on a terminal: the changes before they happen, then a progress line."""

    def __init__(self, *, err: bool) -> None:
        self._err = err

    def announce(self, planned: Change) -> None:
        """Print what is going to change."""
        try:
            for line in (*change_lines(planned), *sensitive_lines(planned.sensitive)):
                say(line, err=self._err)
            if planned.fetched:
                say(f"to fetch: {human_size(planned.fetched)}", err=self._err)
        except BrokenPipeError:
            # The reader of the list has closed the pipe (`farm upgrade … | head`): continue without it.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def tell(path: Path, change: Change, *, dry_run: bool, as_json: bool) -> None:
    """Print the outcome in one line, and which guarantees overrides break; `path` is the root as the user named it."""
    lines = [_outcome(path, change, dry_run=dry_run), *override_lines(change.after.set.packages)]
    tell_result(lines, change_form(path, change, dry_run=dry_run), as_json=as_json)


def change_form(root: Path, change: Change, *, dry_run: bool = False) -> dict[str, Any]:
    """Return a change as JSON values: `generation` is null if none was made, `fetched` counts bytes of archives."""
    return {
        "root": str(root.absolute()),
        "generation": None if dry_run else change.after.number,
        "asked": list(change.after.set.asked),
        "releases": [release.to_dict() for release in change.after.set.releases],
        "overrides": [override.to_dict() for override in change.after.set.overrides],
        "changes": [package.to_dict() for package in change.packages],
        "sensitive-files": [additions.to_dict() for additions in change.sensitive],
        "fetched": change.fetched,
    }


def _outcome(path: Path, change: Change, *, dry_run: bool) -> str:
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
