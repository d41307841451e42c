"""Which channel a local build takes published builds from: options of the verbs that build, and what they choose."""

from __future__ import annotations

from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING

import click

from farm.cli.name_completion import channel_names
from farm.cli.output import say

if TYPE_CHECKING:
    from collections.abc import Callable

    from farm.client.repository.channel_builds import ChannelBuilds
    from farm.client.repository.host import Host
    from farm.client.repository.subscriptions import Subscription

NO_CHANNEL = "none"


@dataclass(frozen=True, slots=True)
class ChannelChoice:
    """The channel that is given, `none`, or empty: the one that is subscribed.

    `against` is the channel whose newest packages are taken for everything below what is built, whatever their plans.
    """

    channel: str = ""
    against: str = ""


def _channels_or_none(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    none = [NO_CHANNEL] if NO_CHANNEL.startswith(incomplete) else []
    return [*channel_names(context, parameter, incomplete), *none]


def channel_options(verb: Callable[..., object]) -> Callable[..., object]:
    """Give a verb the options of a `ChannelChoice`, which it gets as `choice`."""

    @click.option(
        "--channel",
        default="",
        shell_complete=_channels_or_none,
        help="Take builds that this channel has published, instead of building; by default the subscribed channel of "
        "the tree's distribution, if there is one. `none`: build everything.",
    )
    @click.option("--no-channel", is_flag=True, help="As --channel none.")
    @click.option(
        "--against",
        default="",
        metavar="CHANNEL",
        shell_complete=channel_names,
        help="Build against the newest packages of this channel, even where the tree has other recipes for them.",
    )
    @wraps(verb)
    def with_choice(*, channel: str, no_channel: bool, against: str, **rest: object) -> object:
        if no_channel and channel not in ("", NO_CHANNEL):
            raise click.UsageError("--channel and --no-channel contradict each other.")
        if against and (no_channel or channel):
            raise click.UsageError("--against names the channel: leave out --channel and --no-channel.")
        return verb(choice=ChannelChoice(NO_CHANNEL if no_channel else channel, against), **rest)

    return with_choice


def channel_builds(choice: ChannelChoice, host: Host, distribution: str) -> ChannelBuilds | None:
    """Return the builds of the chosen channel, for recipes of a distribution; None to build everything.

    Raises `SubscriptionError`, and `click.UsageError` for a channel of another distribution.
    """
    from farm.cli.progress import TerminalProgress
    from farm.client.repository.channel_builds import ChannelBuilds

    subscription = _subscription(choice, host, distribution)
    return ChannelBuilds(host, subscription, TerminalProgress()) if subscription else None


def _subscription(choice: ChannelChoice, host: Host, distribution: str) -> Subscription | None:
    if choice.channel == NO_CHANNEL:
        return None
    if name := choice.against or choice.channel:
        chosen = host.subscriptions.find(name)
        if chosen.distribution != distribution:
            raise click.UsageError(f"The recipes are those of {distribution}, and {chosen} is of another distribution.")
        return chosen
    followed = [known for known in host.subscriptions.all() if known.distribution == distribution]
    if len(followed) > 1:
        names = " and ".join(map(str, followed))
        advice = "`farm build --channel` takes the builds of one; now everything is built"
        say(f"{names} are subscribed: {advice}", err=True)
    return followed[0] if len(followed) == 1 else None
