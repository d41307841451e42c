"""What people give to `farm git`: names, tokens and requests, with a sentence for each that cannot be right."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from farm.errors import FarmError

if TYPE_CHECKING:
    from pydantic import BaseModel

_Request = TypeVar("_Request", bound="BaseModel")
_RULES = {
    "name": "{shown} is no name of a repository: choose 1 to 40 lower-case letters, digits and hyphens, as main",
    "url": "the address of a repository has 1 to 1,000 characters, as https://git.example.org/dist/recipes.git",
    "branch": "a branch has a name of 1 to 200 characters, as main: see `git branch -r`",
    "path": "--path has at most 200 characters: name the directory that has `packages` in it, as recipes, or ''",
    "api": "--api has at most 1,000 characters, as https://git.example.org/api/v1: leave it out for the usual address",
    "token": "the token file has more than a token in it: save only the token, a line of at most 1,000 characters",
    "members": "--member names an account in 1 to 100 characters, and up to 500 are named; --no-members names none",
    "commit": "{shown} is no commit in full: give 40 or 64 hexadecimal digits, as `git rev-parse BRANCH` prints them",
}
"""By the member of a request. Only a name and a commit are shown, cut off: a token never, nor what may be a file."""
_LONGEST_SHOWN = 60

token_option = click.option(
    "--token-file",
    metavar="FILE",
    type=click.Path(path_type=Path, allow_dash=True, dir_okay=False),
    help="A token for the API, in a file, or - for standard input; without one no commit status is set.",
)


def make_request(kind: type[_Request], **asked: object) -> _Request:
    """Return a request with these members. Raises `click.UsageError`, which says what to change."""
    from pydantic import ValidationError

    try:
        return kind.model_validate(asked)
    except ValidationError as error:
        member = str(error.errors(include_url=False, include_input=False)[0]["loc"][0])
        raise click.UsageError(_sentence(member, asked[member])) from error


def check_name(_context: click.Context, _parameter: click.Parameter, name: str) -> str:
    """Return the name of a repository. Raises `click.UsageError` where none can have it."""
    from farm.api.git_wire import REPOSITORY_NAME

    if not re.fullmatch(REPOSITORY_NAME, name):
        raise click.UsageError(_sentence("name", name))
    return name


def read_token(file: Path | None) -> str | None:
    """Return the token in a file, or on standard input (`-`); None without a file."""
    if file is None:
        return None
    # A byte order mark is part of no token.
    return (sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8-sig", errors="replace")).strip()


def read_new_token(file: Path | None) -> str:
    """Return the token of a new connection, empty without a file. Raises `FarmError` for an empty file."""
    token = read_token(file)
    if token == "":
        raise FarmError(
            f"{'standard input' if str(file) == '-' else file} has no token in it",
            remedy="Save the token there, or leave --token-file out: then no commit status is set.",
            code="empty-token",
        )
    return token or ""


def _sentence(member: str, given: object) -> str:
    shown = repr(given if len(str(given)) <= _LONGEST_SHOWN else f"{str(given)[:_LONGEST_SHOWN]}…")
    return _RULES[member].format(shown=shown)
