"""`farm release`: the releases of a channel."""

from __future__ import annotations

from typing import Any

import click

from farm.cli.options import json_option
from farm.cli.output import say, say_json, say_lines, table
from farm.cli.remote import connect, number_type


@click.group()
def release() -> None:
    """Look at the releases of the farm at FARM_URL."""


@release.command("list")
@click.argument("channel")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 500), help="At most so many.")
@click.option("--before", type=number_type, help="Only releases with a lower number.")
@json_option
def list_releases(channel: str, limit: int, before: int | None, as_json: bool) -> None:
    """List the releases of CHANNEL, newest first.

    \b
    Example:
      farm release list edge
    """

    with connect() as farm:
        page = farm.releases(channel, before=before, limit=limit)
    if as_json:
        say_json(page)
        return
    rows = [
        (str(each["number"]), _state(each), each["released-at"], str(each["packages"]), each["digest"])
        for each in page["releases"]
    ]
    say_lines(table(rows, ("RELEASE", "STATE", "MADE AT", "PACKAGES", "DIGEST")) if rows else ["no releases yet"])


@release.command("show")
@click.argument("channel")
@click.argument("number", type=number_type)
@json_option
def show(channel: str, number: int, as_json: bool) -> None:
    """Show the packages of release NUMBER of CHANNEL, what it has taken of others, and tests that blocked nothing.

    \b
    Example:
      farm release show edge 1
    """
    from farm.cli.curate.candidate import unblocking_lines
    from farm.core.names.printed_version import printed_version

    with connect() as farm:
        found = farm.release(channel, number)
    if as_json:
        say_json(found)
        return
    listed = [*found["packages"], *(package for each in found["imports"] for package in each["packages"])]
    if not found["published-at"]:
        say(f"release {number} of {channel} is not signed yet: no subscriber sees it", err=True)
    rows = [
        (each["name"], printed_version(each["version"], each["revision"], each.get("build", 1)), each["package"])
        for each in listed
    ]
    say_lines(table(rows, ("PACKAGE", "VERSION", "DESCRIPTOR")))
    for each in found["imports"]:
        say(
            f"takes of {each['distribution']}: release {each['number']} of {each['channel']}, {each['release']}, "
            f"under the root {each['root']}"
        )
    for line in unblocking_lines(found["tests"]):
        say(line)


@release.command("diff")
@click.argument("channel")
@click.argument("old", type=number_type)
@click.argument("new", type=number_type)
@json_option
def diff(channel: str, old: int, new: int, as_json: bool) -> None:
    """Show by package what differs between releases OLD and NEW of CHANNEL.

    \b
    Example:
      farm release diff edge 11 12
    """

    with connect() as farm:
        found = farm.release_changes(channel, old, new)
    if as_json:
        say_json(found)
        return
    rows = [
        (
            change["package"],
            _WORDS.get(change["change"], change["change"]),
            *(side["version"] if side else "-" for side in _sides(change)),
        )
        for change in found["changes"]
    ]
    headings = ("PACKAGE", "CHANGE", f"RELEASE {old}", f"RELEASE {new}")
    say_lines(table(rows, headings) if rows else [f"releases {old} and {new} hold the same packages"])


def _state(release: dict[str, Any]) -> str:
    return "released" if release["published-at"] else "waits for its signature"


_WORDS = {"new": "new", "gone": "removed", "version": "new version", "rebuilt": "rebuilt"}


def _sides(change: dict[str, Any]) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    return change["before"], change["after"]
