"""`farm git`: repositories that recipes come from."""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from farm.cli.groups import VerbGroup
from farm.cli.operate.git_input import check_name, make_request, read_new_token, read_token, token_option
from farm.cli.options import json_option
from farm.cli.output import say, table, tell_result, tell_table
from farm.cli.remote import number_type
from farm.cli.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from farm.api.git_client import GitClient
    from farm.api.git_wire import ChangeWire, CommitStatusWire, RepositoryDetail, RepositoryWire

_SYNC_SECONDS = 600
_COMPLETION_SECONDS = 2.0
"""How long a person who completes a word waits for the farm."""
_POLL_SECONDS = 0.5
_SHORT = 12


def _repository_names(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return the git repositories that begin with `incomplete`, if the farm answers soon."""
    from farm.errors import FarmError

    with suppress(FarmError), _connect(timeout=_COMPLETION_SECONDS) as farm:
        return sorted(found.name for found in farm.repositories() if found.name.startswith(incomplete))
    return []


@click.group(cls=VerbGroup, below="git")
def git() -> None:
    """Take recipes from git repositories: preview pull requests, and submit what is merged."""


@click.command("connect")
@click.argument("name", callback=check_name)
@click.argument("url")
@click.option("--forge", type=click.Choice(["github", "forgejo"]), required=True, help="The program that hosts it.")
@click.option("--branch", default="main", show_default=True, help="The branch whose recipes are submitted.")
@click.option(
    "--path",
    "folder",
    default="recipes",
    show_default=True,
    help="The directory with `packages` in it; '' for the top.",
)
@click.option("--api", default="", help="The address of the forge's API.  [default: the usual one of its host]")
@token_option
@click.option(
    "--previews",
    type=click.Choice(["members", "all"]),
    default="members",
    show_default=True,
    help="Whose pull requests are previewed; others need `farm git preview`.",
)
@click.option("--member", "members", multiple=True, metavar="LOGIN", help="A member, by account; may be repeated.")
@json_option
def connect_repository(
    *,
    name: str,
    url: str,
    forge: str,
    branch: str,
    folder: str,
    api: str,
    token_file: Path | None,
    previews: str,
    members: tuple[str, ...],
    as_json: bool,
) -> None:
    """Connect the repository at URL as NAME; prints the address and the secret of its webhook, once.

    What its branch has now is taken as known: submit it with `farm submit` where the farm lacks it. What is merged from
    now on is submitted, with the signatures that owners of recipes have to give as ever. Pull requests of members are
    previewed: of the accounts named with --member, and on GitHub of all who belong to the repository.

    \b
    Examples:
      farm git connect main https://github.com/example/recipes.git --forge github --token-file token
      farm git connect main https://git.example.org/dist/recipes.git --forge forgejo --token-file - --member alice
    """
    from farm.api.git_wire import ConnectRequest

    request = make_request(
        ConnectRequest,
        name=name,
        url=url,
        branch=branch,
        path=folder,
        forge=forge,
        api=api,
        token=read_new_token(token_file),
        previews=previews,
        members=members,
    )
    with _connect() as farm:
        made = farm.connect_repository(request)
    _tell_secret(f"repository {made.name}: {made.url} {made.branch}", made, as_json=as_json)
    if not as_json:
        say("Content type JSON; pushes and pull requests.", err=True)
        say(f"Then: farm git sync {made.name} --wait", err=True)


@click.command("set")
@click.argument("name", callback=check_name, shell_complete=_repository_names)
@token_option
@click.option("--new-secret", is_flag=True, help="Draw a new secret for the webhook; the old one ends at once.")
@click.option("--branch", help="The branch whose recipes are submitted from now on.")
@click.option("--previews", type=click.Choice(["members", "all"]), help="Whose pull requests are previewed.")
@click.option("--member", "members", multiple=True, metavar="LOGIN", help="A member; may be repeated. Replaces all.")
@click.option("--no-members", is_flag=True, help="No account is a member by name any more.")
@json_option
def set_repository(
    *,
    name: str,
    token_file: Path | None,
    new_secret: bool,
    branch: str | None,
    previews: str | None,
    members: tuple[str, ...],
    no_members: bool,
    as_json: bool,
) -> None:
    """Change how the repository NAME is connected; what is not given stays, and so do its changes and previews.

    An empty token file takes the token away. What differs on another branch from what was taken last is submitted.

    \b
    Examples:
      farm git set main --token-file token
      farm git set dist --member alice --member bob
    """
    from farm.api.git_wire import SetRequest

    if members and no_members:
        raise click.UsageError("--member and --no-members exclude each other")
    chosen = members if members or no_members else None
    token = read_token(token_file)
    if (token, branch, previews, chosen) == (None, None, None, None) and not new_secret:
        raise click.UsageError("name what is to be changed, as --token-file FILE")
    request = make_request(
        SetRequest, token=token, new_secret=new_secret, branch=branch, previews=previews, members=chosen
    )
    with _connect() as farm:
        found = farm.set_repository(name, request)
    _tell_secret(f"repository {name} is changed: farm git show {name}", found, as_json=as_json)


@click.command("list")
@json_option
def list_repositories(as_json: bool) -> None:
    """List the connected repositories, and what is wrong with them.

    \b
    Example:
      farm git list
    """
    with _connect() as farm:
        found = farm.repositories()
    rows = [(repository.name, repository.url, repository.branch, _state(repository)) for repository in found]
    form = {"repositories": [repository.model_dump(mode="json") for repository in found]}
    tell_table(rows, ("NAME", "URL", "BRANCH", "STATE"), form, nothing="no repositories", as_json=as_json)


@click.command()
@click.argument("name", callback=check_name, shell_complete=_repository_names)
@json_option
def show(name: str, as_json: bool) -> None:
    """Show the repository NAME: its pull requests and branches, and the commit statuses.

    \b
    Example:
      farm git show main
    """
    with _connect() as farm:
        found = farm.repository(name)
    tell_result(_lines(found), found.model_dump(mode="json"), as_json=as_json)


@click.command()
@click.argument("name", callback=check_name, shell_complete=_repository_names)
@json_option
def disconnect(name: str, as_json: bool) -> None:
    """Take no more recipes from the repository NAME, and withdraw its previews. What was submitted stays.

    What is pending on the forge becomes an error. The farm keeps the token until these last statuses are sent, an hour
    at most: if it has leaked, revoke it at the forge.

    \b
    Example:
      farm git disconnect main
    """
    with _connect() as farm:
        gone = farm.disconnect_repository(name)
    lines = [f"repository {name} is disconnected: {gone.url}"]
    if gone.last_statuses:
        last = "1 last status is" if gone.last_statuses == 1 else f"{gone.last_statuses} last statuses are"
        lines.append(f"its token is kept until {last} sent, an hour at most: if it has leaked, revoke it at the forge")
    tell_result(lines, gone.model_dump(mode="json"), as_json=as_json)


@click.command()
@click.argument("name", callback=check_name, shell_complete=_repository_names)
@click.option("--wait", is_flag=True, help="Wait until it is read, and show what has come of it.")
@json_option
def sync(name: str, *, wait: bool, as_json: bool) -> int:
    """Have the repository NAME read now; with --wait, exits with status 1 if it cannot be read.

    A webhook does the same, and so does a timer.

    \b
    Example:
      farm git sync main --wait
    """
    with _connect() as farm:
        before = farm.sync_repository(name)
        if not wait:
            line = f"{before.url} is read at once: farm git show {name}"
            tell_result([line], before.model_dump(mode="json"), as_json=as_json)
            return 0
        say(f"reading {before.url}", err=True)
        found = _after_reading(farm, before)
    tell_result(_lines(found), found.model_dump(mode="json"), as_json=as_json)
    if wrong := _why_unread(before, found.repository):
        say(f"{name} was not read: {wrong}", err=True)
    return int(bool(wrong))


@click.command()
@click.argument("name", callback=check_name, shell_complete=_repository_names)
@click.argument("number", type=number_type)
@click.option("--commit", metavar="SHA", help="The commit that you have looked at, in full.  [default: you are asked]")
@json_option
def preview(name: str, number: int, *, commit: str | None, as_json: bool) -> None:
    """Preview the pull request NUMBER of the repository NAME at the commit that you have looked at.

    If something was pushed to it since, nothing is built. A later commit of somebody who is no member has to be asked
    for again.

    \b
    Examples:
      farm git preview main 12
      farm git preview main 12 --commit 4479124d0c8f3c0b7c2f6f1d4b1c2f8f0e9a7b6c
    """
    from farm.api.git_wire import PreviewRequest

    looked_at = make_request(PreviewRequest, commit=commit.lower()).commit if commit is not None else ""
    with _connect() as farm:
        asked = farm.preview_pull_request(name, number, looked_at or _ask_commit(farm, name, number))
    line = f"{asked.name} by {asked.author or 'nobody'} is previewed at {asked.commit[:_SHORT]}: farm git show {name}"
    tell_result([line], asked.model_dump(mode="json"), as_json=as_json)


def _connect(timeout: float = 60.0) -> GitClient:
    from farm.api.git_client import GitClient

    settings = Settings.from_environment()
    return GitClient(settings.url, settings.token, timeout=timeout)


def _tell_secret(line: str, repository: RepositoryWire, *, as_json: bool) -> None:
    """Say what was done, and the secret of the webhook if the answer has it."""
    lines = [line]
    if repository.secret:
        lines += [f"webhook {repository.webhook}", f"secret {repository.secret}"]
    tell_result(lines, repository.model_dump(mode="json"), as_json=as_json)
    if repository.secret and not as_json:
        say("Give both to the forge now: the secret is not shown again.", err=True)


def _ask_commit(farm: GitClient, name: str, number: int) -> str:
    """Show the commit that would be built, and ask whether it is the one that was looked at."""
    from farm.errors import FarmError

    changes = farm.repository(name).changes
    change = next((change for change in changes if change.name == f"pull/{number}"), None)
    if change is None:
        raise FarmError(
            f"{name} has no open pull request {number} that the farm knows",
            remedy=f"See `farm git show {name}`; `farm git sync {name}` has it read now.",
            code="not-found",
        )
    say(f"{change.name} by {change.author or 'nobody'} is at the commit {change.commit}", err=True)
    if not sys.stdin.isatty():
        raise click.UsageError("nobody can be asked here: name the commit that you have looked at with --commit")
    if not click.confirm("Have you looked at this commit, and is it to be built?", err=True):
        raise click.Abort
    return change.commit


def _after_reading(farm: GitClient, before: RepositoryWire) -> RepositoryDetail:
    """Wait until a repository was read, or could not be."""
    began = time.monotonic()
    while True:
        found = farm.repository(before.name)
        after = found.repository
        done = (after.synced_at, after.failures) != (before.synced_at, before.failures)
        if done or time.monotonic() - began > _SYNC_SECONDS:
            return found
        time.sleep(_POLL_SECONDS)


def _why_unread(before: RepositoryWire, after: RepositoryWire) -> str:
    if after.trouble:
        return after.trouble
    return f"control has not done it within {_SYNC_SECONDS} s" if after.synced_at == before.synced_at else ""


def _lines(found: RepositoryDetail) -> Iterator[str]:
    repository = found.repository
    yield f"{repository.name}: {repository.url} {repository.branch}, recipes in {repository.path or 'the top'}"
    yield f"state {_state(repository)}"
    yield f"webhook {repository.webhook}"
    yield f"previews of {'all' if repository.previews == 'all' else ', '.join(('members', *repository.members))}"
    if repository.refused:
        yield f"the recipes of {repository.refused[:_SHORT]} could not be submitted; a later commit has to mend them"
    if found.changes:
        yield ""
        yield from map(str, table([*map(_change, found.changes)], ("CHANGE", "COMMIT", "BY", "STATE")))
    if found.statuses:
        yield ""
        yield from map(str, table([*map(_status, found.statuses)], ("COMMIT", "CONTEXT", "STATUS", "DESCRIPTION")))


def _change(change: ChangeWire) -> tuple[str, ...]:
    number = f"preview {change.submission}" if change.submission else change.state
    return change.name, change.commit[:_SHORT], change.author, f"{number}: {change.detail}" if change.detail else number


def _status(status: CommitStatusWire) -> tuple[str, ...]:
    state = status.state if status.delivered else f"{status.state}, not delivered: {status.trouble or 'waits'}"
    return status.commit[:_SHORT], status.context, state, status.description


def _state(repository: RepositoryWire) -> str:
    if repository.trouble:
        return f"{repository.failures} failed: {repository.trouble}"
    if repository.synced_at is None:
        return "not read yet"
    return f"read {repository.synced_at:%Y-%m-%d %H:%M} UTC"
