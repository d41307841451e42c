"""Choosing the channel that package names refer to: the only one that has them, else the one of the highest priority.

A full name names its distribution. A short name that several channels of the same priority have is ambiguous.
"""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING

from farm.client.repository.mirrored_metadata import is_unreachable
from farm.core.names.package_name import PackageName
from farm.errors import FarmError, did_you_mean
from farm.trust.untrusted_metadata import UntrustedMetadataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from farm.client.repository.catalogue import Catalogue
    from farm.client.repository.subscriptions import Subscription, Subscriptions


class ChoiceError(FarmError):
    """No followed channel has a package, several have it, or several packages have no channel in common."""

    code = "choice"


class UnknownChoiceError(ChoiceError):
    """No followed channel has a package."""


class Chooser:
    """Finds the channel that names refer to. `open_catalogue` opens a catalogue by the channel's full name, once."""

    def __init__(self, subscriptions: Subscriptions, open_catalogue: Callable[[str], Catalogue]) -> None:
        self._subscriptions = subscriptions
        self._catalogue = cache(open_catalogue)

    def catalogue(self, names: Iterable[str], channel: str = "") -> Catalogue:
        """Return the catalogue that holds all of these packages: that of `channel`, where one is given.

        A name refers to the subscription of the highest priority that has it. A channel that cannot be reached may have
        it too, so it is not skipped. A short name keeps the distribution that it had before, until the user decides
        otherwise. Raises `ChoiceError`, `InvalidPackageNameError`, and what opening a channel raises.
        """
        followed, names = self._subscriptions.all(), tuple(dict.fromkeys(names))
        if channel or not followed or not names:
            return self._catalogue(str(self._subscriptions.find(channel)))
        if len(followed) == 1:
            catalogue = self._catalogue(str(followed[0]))
            self._settle({name: followed[0] for name in names if "/" not in name and catalogue.holds(name)})
            return catalogue
        chosen = {name: self._of(name, followed) for name in names}
        found = {str(subscription) for subscription in chosen.values()}
        if len(found) > 1:
            parts = ", ".join(f"{name} comes from {subscription}" for name, subscription in chosen.items())
            raise ChoiceError(
                f"all packages of a set must come from one channel, but {parts}",
                remedy="Install or run them separately, or name a channel that has them all with --channel; "
                "`farm override` replaces a package with that of another channel.",
            )
        self._settle({name: subscription for name, subscription in chosen.items() if "/" not in name})
        return self._catalogue(found.pop())

    def others_with(self, name: str, owner: str) -> tuple[str, ...]:
        """Return the channels of distributions other than `owner` that have a package of this short name.

        Channels that cannot be opened now are left out: the result is only a hint.
        """
        return self._others([name], lambda subscription: subscription.distribution != owner)

    def others_of(self, owner: str, channel: str, names: Iterable[str]) -> tuple[str, ...]:
        """Return the channels of a distribution, except `channel`, that have all of these packages.

        Skips channels as `others_with` does.
        """
        return self._others(
            names, lambda subscription: subscription.distribution == owner and subscription.channel != channel
        )

    def _others(self, names: Iterable[str], is_other: Callable[[Subscription], bool]) -> tuple[str, ...]:
        found, names = list[str](), tuple(names)
        for subscription in filter(is_other, self._subscriptions.all()):
            with suppress(FarmError):
                catalogue = self._catalogue(str(subscription))
                if all(map(catalogue.holds, names)):
                    found.append(str(subscription))
        return tuple(found)

    def _settle(self, chosen: Mapping[str, Subscription]) -> None:
        """Record which distribution each name refers to. Raises `ChoiceError` where a name referred to another one."""
        known = self._subscriptions.names
        for name, subscription in chosen.items():
            before = known.owner(name)
            if before not in ("", subscription.distribution):
                raise ChoiceError(
                    f"{name} meant {before}/{name} on this host, and would now mean {subscription.distribution}/{name}",
                    remedy="Nothing was changed: a name moves to another distribution only on request. Use the full "
                    f"name; or, to move it permanently: `farm subscriptions set {subscription} --priority "
                    f"{subscription.priority}`.",
                )
        known.remember({name: subscription.distribution for name, subscription in chosen.items()})

    def _of(self, name: str, followed: Sequence[Subscription]) -> Subscription:
        """Return the channel that a name refers to."""
        owner = PackageName.parse(name).distribution if "/" in name else ""
        ranked = sorted(followed, key=attrgetter("priority"), reverse=True)
        for _, group in groupby(ranked, key=attrgetter("priority")):
            having = [subscription for subscription in group if self._knows(subscription, name)]
            # A channel that imports a package has it too; the distribution's own comes first.
            own = [subscription for subscription in having if subscription.distribution == owner] or having
            if len(own) == 1:
                return own[0]
            if own:
                raise _ambiguous(name, own)
        raise self._unknown(name, followed)

    def _knows(self, subscription: Subscription, name: str) -> bool:
        try:
            return self._catalogue(str(subscription)).holds(name)
        except FarmError as error:
            if is_unreachable(error):
                raise UntrustedMetadataError(
                    "network",
                    f"whether {name} is of {subscription} cannot be known: {error.message}",
                    "Say which channel is meant, with --channel.",
                ) from error
            raise

    def _unknown(self, name: str, followed: Sequence[Subscription]) -> UnknownChoiceError:
        names = {
            f"{subscription.distribution}/{line.name}" if "/" in name else line.name
            for subscription in followed
            for line in self._catalogue(str(subscription)).listings()
        }
        return UnknownChoiceError(
            f"no channel that this host follows has a package {name}: not {', '.join(map(str, followed))}",
            remedy=did_you_mean(name, names, "See `farm search` for what there is."),
        )


def _ambiguous(name: str, having: Sequence[Subscription]) -> ChoiceError:
    short = name.rpartition("/")[2]
    full = sorted({f"{subscription.distribution}/{short}" for subscription in having})
    if len(full) > 1 and "/" not in name:
        return ChoiceError(
            f"{name} can be {' or '.join(full)}",
            remedy="Name the one that you mean; or give one channel a higher priority: "
            f"`farm subscriptions set {having[0]} --priority {having[0].priority + 1}`.",
        )
    return ChoiceError(
        f"{name} is in {' and '.join(map(str, having))}",
        remedy=f"Say which with --channel, or for good: `farm subscriptions set {having[0]} --priority "
        f"{having[0].priority + 1}`.",
    )
