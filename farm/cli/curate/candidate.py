"""`farm candidate`: the candidates of a channel with their gates, and retries of what is held back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from farm.cli.channel_lines import say_trouble
from farm.cli.groups import VerbGroup
from farm.cli.options import json_option
from farm.cli.output import Line, say, say_json, say_lines, table, tell_table
from farm.cli.remote import clock, connect, in_brief, number_type, reason_option, tell_order, wait_option
from farm.cli.sign_order import can_sign, sign_act, signed_descriptor
from farm.core.names.printed_version import without_build
from farm.core.policy.gate_kind import gate_key
from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from farm.api.curator_client import CuratorClient


@click.group(cls=VerbGroup)
def candidate() -> None:
    """Show the candidates of a channel, and try again what is held back."""


@candidate.command("list")
@click.argument("channel")
@click.option(
    "--limit", default=20, show_default=True, type=click.IntRange(1, 100), help="The most candidates to list."
)
@click.option("--before", type=number_type, help="List only candidates below this number.")
@json_option
def list_candidates(channel: str, limit: int, before: int | None, as_json: bool) -> None:
    """List the candidates of CHANNEL, newest first.

    \b
    Example:
      farm candidate list edge
    """
    with connect() as farm:
        page = farm.candidates(channel, before=before, limit=limit)
    say_trouble(channel, page)
    rows = [
        (
            str(listed["id"]),
            listed["state"],
            clock(listed["created-at"]),
            listed["source"],
            str(len(listed["excuses"])),
            in_brief(listed["reason"]),
        )
        for listed in page["candidates"]
    ]
    headings = ("CANDIDATE", "STATE", "SINCE (UTC)", "FROM", "HELD BACK", "")
    tell_table(rows, headings, page, nothing="no candidates yet", as_json=as_json)


@candidate.command("show")
@click.argument("channel")
@click.argument("number", type=number_type, required=False)
@json_option
def show(channel: str, number: int | None, as_json: bool) -> None:
    """Show candidate NUMBER of CHANNEL, or the newest.

    Shows its changes, the results of the gates, the sets that were tried, and the excuses.

    \b
    Example:
      farm candidate show edge 12
    """
    with connect() as farm:
        found = farm.candidate(channel, number or _newest(farm.candidates(channel, limit=1), channel))
    if as_json:
        say_json(found)
        return
    say_trouble(channel, found)
    say_lines(_lines(found))


@candidate.command("retry")
@click.argument("channel")
@click.argument("packages", nargs=-1)
@reason_option
@wait_option
@json_option
def retry(channel: str, packages: tuple[str, ...], why: str, wait: bool, as_json: bool) -> int:
    """Try again what is held back from CHANNEL, or only PACKAGES; failed tests are repeated.

    \b
    Example:
      farm candidate retry edge jq --why "the worker's disk was full"
    """
    with connect() as farm:
        envelope = _sign_retry(farm, channel, packages, why)
        order = farm.retry_held(channel, packages=packages, why=why, envelope=envelope)
        return tell_order(farm, order, wait=wait, as_json=as_json)


def _sign_retry(farm: CuratorClient, channel: str, packages: tuple[str, ...], why: str) -> bytes | None:
    """Return the signed order that admits these builds of packages; None without packages or a key."""
    if not packages or not can_sign():
        return None
    status = farm.channel(channel)
    names = {package.removeprefix(f"{status.get('distribution', '')}/") for package in packages}
    held = {excuse["package"]: excuse["descriptor"] for excuse in status["excuses"] if excuse.get("descriptor")}
    chosen = {name: digest for name, digest in held.items() if name in names}
    for excuse in status["excuses"]:
        if chosen.get(excuse["package"]):
            _say_descriptor(farm, excuse)
    return sign_act(farm, "retry", channel, reason=why, packages=chosen) if chosen else None


def _say_descriptor(farm: CuratorClient, excuse: dict[str, Any]) -> None:
    """Show the descriptor of the build to be signed for: the channel may have a newer one."""
    digest, package = str(excuse["descriptor"]), str(excuse["package"])
    signed_descriptor(farm.descriptor(digest), digest, package, without_build(str(excuse["version"])))
    say(f"signing for {package} {excuse['version']}, {digest}", err=True)


def _newest(page: dict[str, Any], channel: str) -> int:
    if not page["candidates"]:
        say_trouble(channel, page)
        raise FarmError(f"{channel} has had no candidate yet")
    return int(page["candidates"][0]["id"])


def _lines(found: dict[str, Any]) -> Iterator[Line]:
    from farm.cli.excuse_lines import excuse_blocks

    base = f"release {found['base']}" if found["base"] else "nothing"
    yield f"candidate {found['id']} of {found['source']}, against {base}: {found['state']}"
    if found["reason"]:
        yield f"  {in_brief(found['reason'])}"
    yield from gate_lines(found["gates"])
    if found["runs"]:
        tried = [f"{run['purpose']} of {run['atoms']} atoms {run['state']}" for run in found["runs"]]
        yield f"  sets tried: {len(tried)} ({', '.join(tried[-8:])})"
    yield ""
    rows = [
        (
            change["package"],
            build_version(change["before"]),
            build_version(change["after"]),
            _partners(change),
            change["state"],
        )
        for change in found["changes"]
    ]
    yield from table(rows, ("PACKAGE", "BEFORE", "AFTER", "MOVES WITH", "")) if rows else ["no changes"]
    if found["excuses"]:
        yield ""
        yield from excuse_blocks(found["excuses"])


def gate_lines(gates: list[dict[str, Any]]) -> Iterator[str]:
    """Yield a line for each gate of a candidate, and for each test that had failed before or is flaky."""
    for gate in gates:
        yield f"  {gate_key(gate['gate'])}: {gate['state']}, {gate['summary']}"
        yield from ("    " + line for line in unblocking_lines(gate.get("detail", {})))


def unblocking_lines(detail: dict[str, Any]) -> Iterator[str]:
    """Yield a line for each test that failed and did not block the candidate."""
    for failed in detail.get("already-red", ()):
        yield f"failed before this candidate too: {_test(failed)}: {failed.get('message', '')!s}"
    for failed in detail.get("flaky", ()):
        yield f"flaky, quarantined: {_test(failed)}"


def _test(failed: dict[str, Any]) -> str:
    return f"{failed.get('package', '')}: {failed.get('test', '')} (job {failed.get('job', '')})"


def _partners(change: dict[str, Any]) -> str:
    return change["atom"] if change["atom"] not in ("", change["package"]) else "-"


def build_version(build: dict[str, Any] | None) -> str:
    """Return the version of one side of a change; `-` for none."""
    return str(build["version"]) if build else "-"
