"""`python -m farm.cli.operate.change_user`: what root does just before a program of the farm becomes another user.

It shows the program the paths that it uses, where its user could not walk to them: a farm may lie below /root, which is
closed to all others and stays so. Then it becomes the command that it was given, which drops root.
"""

from __future__ import annotations

import argparse
import os
import stat
import sys
from pathlib import Path
from typing import NoReturn

from farm.cli.output import say
from farm.container.mounts import show_in_place
from farm.errors import FarmError, plain_text


def main() -> NoReturn:
    """Become the command; returns only if that fails."""
    parser = argparse.ArgumentParser(prog="farm.cli.operate.change_user", description=__doc__)
    parser.add_argument("--uid", type=int, required=True)
    parser.add_argument("--gid", type=int, required=True)
    parser.add_argument("--groups", default="", help="numbers with commas between them")
    parser.add_argument("--umask", type=lambda text: int(text, 8), required=True)
    parser.add_argument("--reach", type=Path, action="append", default=[], help="a path that the command uses")
    parser.add_argument(
        "--leave-out", type=Path, required=True, help="a directory whose mounts it has no business with"
    )
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    groups = {options.gid, *(int(group) for group in options.groups.split(",") if group)}
    os.umask(0o022)
    try:
        if closed := closed_to(options.reach, options.uid, groups):
            show_in_place(closed, options.reach, options.leave_out)
    except FarmError as error:
        say(plain_text(error, "as_user"), err=True)
        sys.exit(os.EX_CONFIG)  # a restart would not help
    os.umask(options.umask)
    os.chdir("/")
    os.execvp(options.command[0], options.command)  # noqa: S606


def closed_to(paths: list[Path], uid: int, groups: set[int]) -> tuple[Path, ...]:
    """Return the directories on these paths that the user cannot enter, each the first on its path."""
    closed: dict[Path, None] = {}
    for path in (Path(os.path.realpath(used)) for used in paths):
        if path.is_dir() and not _may_pass(path.stat(), uid, groups):
            raise FarmError(
                f"{path} is closed to user {uid}, which a program of the farm runs as",
                remedy=f"Open it: `chmod -R go+rX {path}`. It has no secrets, only code and recipes.",
                code="closed-path",
            )
        stops = (place for place in reversed(path.parents) if not _may_pass(place.stat(), uid, groups))
        if first := next(stops, None):
            closed[first] = None
    return tuple(closed)


def _may_pass(found: os.stat_result, uid: int, groups: set[int]) -> bool:
    if found.st_uid == uid:
        return bool(found.st_mode & stat.S_IXUSR)
    if found.st_gid in groups:
        return bool(found.st_mode & stat.S_IXGRP)
    return bool(found.st_mode & stat.S_IXOTH)


if __name__ == "__main__":
    main()
