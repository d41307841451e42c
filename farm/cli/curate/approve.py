"""`farm approve`: approve changes of a channel by a signature with one's own key, or withdraw approvals."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from farm.cli.options import json_option
from farm.cli.output import Line, say, say_lines, table, tell_result
from farm.cli.personal_key import confirm_signing, find_own_key, own_key_options, own_name
from farm.cli.remote import connect
from farm.cli.settings import Settings
from farm.cli.sign_order import can_sign, sign_act, signed_descriptor, tell_done
from farm.core.names.digest import Digest
from farm.core.names.printed_version import FIRST_BUILD, printed_version
from farm.core.names.wording import counted
from farm.core.package.descriptor import Descriptor
from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from securesystemslib.signer import Signer

    from farm.api.curator_client import CuratorClient
    from farm.cli.personal_key import OwnKey


@click.command()
@click.argument("channel")
@click.argument("packages", nargs=-1)
@own_key_options
@click.option("--yes", is_flag=True, help="Sign without asking.")
@click.option("--withdraw", is_flag=True, help="Withdraw your approvals of PACKAGES.")
@click.option("--why", help="The reason of --withdraw, for the audit trail.")
@click.option(
    "--descriptor",
    multiple=True,
    metavar="DIGEST",
    help="With --withdraw, instead of PACKAGES: the build, even if the farm does not list its approval.",
)
@click.option(
    "--after", metavar="DIGEST", help="Your last withdrawal, if the farm has lost it: this approval follows it."
)
@json_option
def approve(
    *,
    channel: str,
    packages: tuple[str, ...],
    key: Path | None,
    name: str | None,
    yes: bool,
    withdraw: bool,
    why: str | None,
    descriptor: tuple[str, ...],
    after: str | None,
    as_json: bool,
) -> int:
    """Show the changes that wait for approval on CHANNEL, or approve them.

    Approves PACKAGES; with --yes or --key and no PACKAGES, all changes that wait. Signs with the key that `farm keys
    me` has made, or with --key; the key stays on this machine. The signature covers the digest of the descriptor that
    is shown, and whether the package is added or removed.

    \b
    Examples:
      farm approve stable
      farm approve stable jq
      farm approve stable jq --key alice.key --name alice
      farm approve stable jq --withdraw --why "it loses data"
      farm approve stable --withdraw --descriptor sha256:4b8e…
    """
    if withdraw:
        if key is not None or after is not None:
            raise click.UsageError("--withdraw takes neither --key nor --after: it uses the key of `farm keys me`.")
        return _withdraw(channel, packages, descriptor, name, why or "", as_json=as_json)
    if why is not None or descriptor:
        raise click.UsageError("--why and --descriptor are options of --withdraw.")
    # Having a key is no reason to approve everything: without packages or a key on the command line, only show.
    signs = bool(packages) or yes or key is not None or name is not None
    own = find_own_key(Settings.from_environment(), key, name) if signs else None
    with connect() as farm:
        waiting = farm.in_question(channel)
        chosen = _chosen(waiting, packages, own.name if own else None)
        if own is None:
            tell_result(_lines(waiting, chosen), waiting, as_json=as_json)
        elif not chosen:
            say(f"nothing on {channel} waits for an approval of {own.name}")
        else:
            answer = _approve(farm, channel, waiting, chosen, own, after, yes=yes)
            line = f"{own.name} has approved {counted(len(answer['approvals']), 'package')} on {channel}"
            tell_result([line], answer, as_json=as_json)
    return 0


def _approve(
    farm: CuratorClient,
    channel: str,
    waiting: dict[str, Any],
    chosen: list[dict[str, Any]],
    own: OwnKey,
    after: str | None,
    *,
    yes: bool,
) -> dict[str, Any]:
    """Show the chosen changes, ask, and send their approvals; return the answer of the farm.

    What is signed names the `channel` of the command line, never one that the farm's answer names.
    """
    wanted = [_wanted(change, own.name, after) for change in chosen]
    signer = own.signer()
    distribution = str(farm.channel(channel).get("distribution", ""))
    say_lines(_lines(waiting, chosen), err=True)
    if distribution:
        say(f"the approval is valid for {channel} of {distribution} only", err=True)
    if not yes:
        question = f"Sign for {'it' if len(chosen) == 1 else f'these {len(chosen)}'}?"
        confirm_signing(question, f"the approval on {channel}")
    return farm.approve(channel, _signed(wanted, distribution, channel, own.name, signer))


def _withdraw(
    channel: str, packages: tuple[str, ...], descriptors: tuple[str, ...], name: str | None, why: str, *, as_json: bool
) -> int:
    if descriptors:
        if packages or name is not None:
            raise click.UsageError("--descriptor takes no PACKAGES and no --name: it uses the name of `farm keys me`.")
        return _withdraw_with_signer(channel, descriptors, why, as_json=as_json)
    whose = name or own_name(Settings.from_environment())
    if not whose or not packages:
        raise click.UsageError("--withdraw needs PACKAGES or --descriptor, and your name: see `farm keys me`.")
    with connect() as farm:
        envelope = _sign_withdrawal(farm, channel, packages, whose, why)
        answer = farm.withdraw(channel, curator=whose, packages=packages, why=why, envelope=envelope)
        return tell_done(farm, _withdrawal_lines(answer, channel, whose), answer, as_json=as_json)


def _withdrawal_lines(answer: dict[str, Any], channel: str, name: str) -> Iterator[str]:
    # Older farms answer with digests only.
    for approval in answer["withdrawn"]:
        yield f"the approval of {name} for {approval.get('package', approval['digest'])} on {channel} no longer counts"
    for label in answer.get("released", ()):
        yield f"{label} stays in a release of {channel}; `farm channel rollback {channel} NUMBER` takes it out"


def _withdraw_with_signer(channel: str, descriptors: Iterable[str], why: str, *, as_json: bool) -> int:
    from farm.trust.attestation.curator_order import named

    digests = [Digest(descriptor) for descriptor in descriptors]
    with connect() as farm:
        distribution = farm.channel(channel).get("distribution", "")
        packages = named((_name_of(farm, digest).removeprefix(f"{distribution}/"), digest) for digest in digests)
        envelope = sign_act(farm, "withdraw-approval", channel, reason=why, packages=packages)
        answer = farm.withdraw_approvals_with_signer(
            channel, {name: digest for name, digest in packages.items() if digest}, why=why, envelope=envelope
        )
        lines = [f"your approval of {digest} on {channel} is withdrawn" for digest in digests]
        return tell_done(farm, lines, answer, as_json=as_json)


def _name_of(farm: CuratorClient, digest: Digest) -> str:
    """Return the full name of a package by its descriptor; the digest, if the farm does not have it."""
    from farm.api.errors import RefusedRequestError

    try:
        content = farm.descriptor(digest)
    except RefusedRequestError as error:
        if error.code != "not-found":
            raise
        return str(digest)
    return str(Descriptor.from_json(content).name) if Digest.of(content) == digest else str(digest)


def _sign_withdrawal(farm: CuratorClient, channel: str, packages: tuple[str, ...], name: str, why: str) -> bytes | None:
    """Return the signed withdrawal; None without a key. The farm refuses what cannot be withdrawn."""
    if not can_sign():
        return None
    from farm.trust.attestation.curator_order import named

    distribution = farm.channel(channel).get("distribution", "")
    names = dict.fromkeys(package.removeprefix(f"{distribution}/") for package in packages)
    mine = [approval for package in names for approval in farm.revocable(channel, curator=name, package=package)]
    chosen = named((str(approval["package"]), Digest(approval["digest"])) for approval in mine)
    return sign_act(farm, "withdraw-approval", channel, reason=why, packages=chosen)


def _chosen(waiting: dict[str, Any], names: Iterable[str], who: str | None) -> list[dict[str, Any]]:
    """Return the changes to approve: those named, or those that still need approvals, without this curator's own."""
    from difflib import get_close_matches

    listed: list[dict[str, Any]] = waiting["packages"]
    known = {change["package"] for change in listed}
    in_full = {}
    if any("/" in name for name in names):  # full names are in descriptors
        in_full = {
            str(Descriptor.from_json(change["descriptor"].encode()).name): change["package"] for change in listed
        }
    wanted = set()
    for name in names:
        asked = in_full.get(name, name)
        if asked not in known:
            near = get_close_matches(name, known, n=1)
            raise FarmError(
                f"{name} is not a pending change of {waiting['channel']}",
                remedy=f"Did you mean {near[0]}?" if near else "",
            )
        wanted.add(asked)
    return [
        change
        for change in listed
        if (change["package"] in wanted if wanted else not change["enough"]) and who not in change["approved-by"]
    ]


def _wanted(change: dict[str, Any], name: str, after: str | None) -> tuple[Descriptor, bool, Digest | None]:
    """Return what to sign for: the descriptor, whether it is removed, and the withdrawal that this comes after.

    The descriptor must be of the package that the farm shows.
    """
    digest, package, version = str(change["digest"]), str(change["package"]), str(change["version"])
    descriptor = signed_descriptor(str(change["descriptor"]).encode(), digest, package, version)
    last = after or change.get("withdrawn", {}).get(name)
    return descriptor, bool(change["removed"]), Digest(last) if last else None


def _signed(
    wanted: Iterable[tuple[Descriptor, bool, Digest | None]], distribution: str, channel: str, name: str, signer: Signer
) -> list[bytes]:
    from farm.trust.attestation.approval import approval_statement
    from farm.trust.attestation.dsse import sign_statement

    now = datetime.now(UTC)
    return [
        sign_statement(
            approval_statement(
                descriptor,
                channel=channel,
                curator=name,
                removed=removed,
                at=now,
                after=after,
                distribution=distribution,
            ),
            signer,
        )
        for descriptor, removed, after in wanted
    ]


def _lines(waiting: dict[str, Any], chosen: list[dict[str, Any]]) -> list[Line]:
    if not chosen:
        return [f"nothing waits for approval on {waiting['channel']}"]
    rows = [
        (
            change["package"],
            _version(change),
            "removed" if change["removed"] else "added",
            ", ".join(change["approved-by"]) or "-",
            change["digest"],
        )
        for change in chosen
    ]
    people = f"{waiting['count']} of the group {waiting['of']}"
    headings = ("PACKAGE", "VERSION", "CHANGE", "APPROVED BY", "DESCRIPTOR")
    notes = [note for change in chosen if not change["removed"] for note in _sensitive(change)]
    return [f"{waiting['channel']} needs approvals of {people}", *table(rows, headings), *notes]


def _version(waiting: dict[str, Any]) -> str:
    """Return the version as it is printed, with the build number, which no descriptor holds."""
    build = waiting.get("build", FIRST_BUILD)
    version, _, revision = str(waiting["version"]).rpartition("-")
    return printed_version(version, int(revision), build)


def _sensitive(waiting: dict[str, Any]) -> list[str]:
    """Return a line for each reason that a package gives for its sensitive files; --json has all paths."""
    descriptor = Descriptor.from_json(str(waiting["descriptor"]).encode())
    paths: dict[str, list[str]] = {}
    for file in descriptor.sensitive_files:
        paths.setdefault(file.reason, []).append(file.path)
    return [
        f"note: {descriptor.label} has {first}{f' and {len(more)} more' if more else ''}: {reason}"
        for reason, (first, *more) in paths.items()
    ]
