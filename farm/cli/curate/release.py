"""`farm release`: the releases of a channel."""

from __future__ import annotations

import click

from farm.cli.curate.candidate import build_version, unblocking_lines
from farm.cli.groups import VerbGroup
from farm.cli.options import json_option
from farm.cli.output import say, say_json, say_lines, table, tell_table
from farm.cli.remote import connect, number_type
from farm.core.names.printed_version import printed_version

_WORDS = {"new": "new", "gone": "removed", "version": "new version", "rebuilt": "rebuilt"}


@click.group(cls=VerbGroup)
def release() -> None:
    """Show the releases of channels of the farm at FARM_URL, and compare them."""


@release.command("list")
@click.argument("channel")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 500), help="The most releases to list.")
@click.option("--before", type=number_type, help="List only releases below this number.")
@json_option
def list_releases(channel: str, limit: int, before: int | None, as_json: bool) -> None:
    """List the releases of CHANNEL, newest first.

    \b
    Example:
      farm release list edge
    """
    with connect() as farm:
        page = farm.releases(channel, before=before, limit=limit)
    rows = [
        (
            str(listed["number"]),
            "released" if listed["published-at"] else "waits for its signature",
            listed["released-at"],
            str(listed["packages"]),
            listed["digest"],
        )
        for listed in page["releases"]
    ]
    headings = ("RELEASE", "STATE", "MADE AT", "PACKAGES", "DIGEST")
    tell_table(rows, headings, page, nothing="no releases yet", as_json=as_json)


@release.command("show")
@click.argument("channel")
@click.argument("number", type=number_type)
@json_option
def show(channel: str, number: int, as_json: bool) -> None:
    """Show the packages of release NUMBER of CHANNEL.

    Also shows the packages that it imports of other distributions, and the failed tests that did not block it.

    \b
    Example:
      farm release show edge 1
    """
    with connect() as farm:
        found = farm.release(channel, number)
    if as_json:
        say_json(found)
        return
    listed = [*found["packages"], *(package for imported in found["imports"] for package in imported["packages"])]
    if not found["published-at"]:
        say(f"release {number} of {channel} is not signed yet: no subscriber sees it", err=True)
    rows = [
        (
            package["name"],
            printed_version(package["version"], package["revision"], package.get("build", 1)),
            package["package"],
        )
        for package in listed
    ]
    say_lines(table(rows, ("PACKAGE", "VERSION", "DESCRIPTOR")))
    say_lines(
        f"imports of {imported['distribution']}: release {imported['number']} of {imported['channel']}, "
        f"{imported['release']}, under the root {imported['root']}"
        for imported in found["imports"]
    )
    say_lines(unblocking_lines(found["tests"]))


@release.command("diff")
@click.argument("channel")
@click.argument("old", type=number_type)
@click.argument("new", type=number_type)
@json_option
def diff(channel: str, old: int, new: int, as_json: bool) -> None:
    """Show the packages that differ between releases OLD and NEW of CHANNEL.

    \b
    Example:
      farm release diff edge 11 12
    """
    with connect() as farm:
        found = farm.release_changes(channel, old, new)
    rows = [
        (
            change["package"],
            _WORDS.get(change["change"], change["change"]),
            build_version(change["before"]),
            build_version(change["after"]),
        )
        for change in found["changes"]
    ]
    headings = ("PACKAGE", "CHANGE", f"RELEASE {old}", f"RELEASE {new}")
    tell_table(rows, headings, found, nothing=f"releases {old} and {new} hold the same packages", as_json=as_json)
