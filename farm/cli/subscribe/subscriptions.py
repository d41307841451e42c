"""`farm subscriptions` and `farm unsubscribe`: list, change and end the subscriptions of this host."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from farm.cli.groups import VerbGroup
from farm.cli.name_completion import channel_names
from farm.cli.options import json_option
from farm.cli.output import say, tell_table
from farm.cli.settings import Settings
from farm.cli.subscriber import open_host
from farm.core.names.utc import utc_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from farm.client.repository.host import Host
    from farm.client.repository.subscriptions import Subscription

_HEADINGS = ("CHANNEL", "RELEASE", "VERIFIED", "PRIORITY", "ROOT", "ADDRESS", "MIRRORS")

mirror_option = click.option(
    "--mirror",
    "mirrors",
    multiple=True,
    metavar="URL|DIR",
    help="Fetch from this mirror first; may be repeated, in the order of preference.",
)
priority_option = click.option(
    "--priority",
    type=int,
    metavar="N",
    help="Of a package in several channels, the highest priority counts.  [default: 0]",
)


@click.group(cls=VerbGroup, invoke_without_command=True)
@json_option
@click.pass_context
def subscriptions(context: click.Context, as_json: bool) -> None:
    """List the channels that this host follows, with the last verified release; `set` changes one.

    \b
    Examples:
      farm subscriptions
      farm subscriptions set dist.example.org/stable --mirror https://mirror.example.net/farm --priority 10
    """
    if context.invoked_subcommand:
        return
    host = open_host(Settings.from_environment())
    found = [_described(host, subscription) for subscription in host.subscriptions.all()]
    nothing = "this host follows no channel; begin with `farm subscribe`"
    tell_table([_row(form) for form in found], _HEADINGS, found, nothing=nothing, as_json=as_json)


@subscriptions.command("set")
@click.argument("name", metavar="DISTRIBUTION/CHANNEL", shell_complete=channel_names)
@mirror_option
@click.option("--no-mirrors", is_flag=True, help="Fetch from the owner's address only.")
@priority_option
def set_subscription(name: str, mirrors: tuple[str, ...], no_mirrors: bool, priority: int | None) -> None:
    """Replace the mirrors of a subscription, or change its priority.

    \b
    Examples:
      farm subscriptions set dist.example.org/stable --mirror /mnt/mirror --mirror https://mirror.example.net/farm
      farm subscriptions set dist.example.org/stable --no-mirrors --priority 10
    """
    if bool(mirrors) == no_mirrors and (no_mirrors or priority is None):
        raise click.UsageError("Give --mirror or --no-mirrors, or a --priority.")
    known = open_host(Settings.from_environment()).subscriptions
    given = mirrors if mirrors or no_mirrors else None
    changed = known.change(known.find(name), mirrors=given, priority=priority)
    say(f"{changed}: {_mirrors(changed.mirrors)}, priority {changed.priority}")


@click.command()
@click.argument("name", metavar="DISTRIBUTION/CHANNEL", shell_complete=channel_names)
@click.option("--force", is_flag=True, help="Even if roots are installed from it; they are not upgraded any more.")
def unsubscribe(name: str, force: bool) -> None:
    """Stop following a channel, and forget its pinned root.

    Refused while a root is installed from it. Installed packages keep working in any case.

    \b
    Example:
      farm unsubscribe dist.example.org/edge
    """
    from farm.client.repository.subscriptions import SubscriptionError
    from farm.client.root.known_roots import roots_from

    host = open_host(Settings.from_environment())
    subscription = host.subscriptions.find(name)
    used = roots_from(host.state, str(subscription))
    if used and not force:
        raise SubscriptionError(
            f"{subscription} is in use by {', '.join(map(str, used))}",
            remedy="Remove these directories first; or use --force: they keep working, and are not upgraded any more.",
        )
    host.subscriptions.unsubscribe(subscription)
    say(f"unsubscribed from {subscription}")


def _described(host: Host, subscription: Subscription) -> dict[str, Any]:
    from farm.trust.verification.stored_metadata import NothingVerifiedError

    kept = host.subscriptions.kept(subscription)
    verified = None
    try:
        release, _ = kept.last(subscription.channel)
        at = utc_text(kept.verified_at(subscription.channel))
        verified = {"number": release.number, "release": release.digest, "at": at}
    except NothingVerifiedError:
        pass
    return {
        "distribution": subscription.distribution,
        "channel": subscription.channel,
        "address": subscription.address,
        "mirrors": list(subscription.mirrors),
        "fingerprint": subscription.fingerprint,
        "priority": subscription.priority,
        "verified": verified,
    }


def _row(form: dict[str, Any]) -> tuple[str, ...]:
    from farm.client.repository.readers import shown
    from farm.core.names.digest import Digest

    return (
        f"{form['distribution']}/{form['channel']}",
        str(form["verified"]["number"]) if form["verified"] else "none",
        form["verified"]["at"] if form["verified"] else "",
        str(form["priority"]),
        f"sha256:{Digest(form['fingerprint']).hex[:12]}",
        shown(form["address"]),
        " ".join(map(shown, form["mirrors"])),
    )


def _mirrors(addresses: Sequence[str]) -> str:
    from farm.client.repository.readers import shown

    return f"mirrors {', '.join(map(shown, addresses))}" if addresses else "no mirrors"
