"""Whether what a channel takes of another was released there: a channel that has a `from` takes nothing else.

Control says what it has seen of the other channel; here it is asked what was signed of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from farm.countersign.refusal import RefusedReleaseError
from farm.trust.index_tree import IndexTree, difference

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from farm.names import Digest
    from farm.recipe import ChannelPolicy
    from farm.trust.index_tree import Read
    from farm.trust.release_index import Release


class Held(Protocol):
    """Knows which packages channels have held."""

    def channels_of(self, descriptor: Digest) -> Collection[str]:
        """Return the channels that have released a package."""

    def has_set(self, channel: str, package_set: Digest) -> bool:
        """Say whether a channel has released this very set."""


class OtherOriginError(RefusedReleaseError):
    """A channel would take, or let go, what the channel that it takes packages from does not have so."""

    code = "other-origin"


def check_origin(
    release: Release, previous: Release | None, policy: ChannelPolicy, source: Release | None, held: Held, read: Read
) -> None:
    """See that own packages come from the channel's `from`, and go because its newest release, `source`, has none.

    What goes back to a set that the channel has released came from there then. Raises `OtherOriginError`.
    """
    if policy.from_channel and not held.has_set(release.channel, release.package_set):
        for told in _elsewhere(release, previous, policy, source, held, read):
            raise OtherOriginError(told, remedy="Collect the candidate again, from what is signed.")


def _elsewhere(
    release: Release, previous: Release | None, policy: ChannelPolicy, source: Release | None, held: Held, read: Read
) -> Iterator[str]:
    change = difference(read, previous.index if previous else None, release.index)
    for entry in change.put:
        if not {policy.name, policy.from_channel}.intersection(held.channels_of(entry.descriptor.digest)):
            yield (
                f"{policy.from_channel} has never released {entry.name} {entry.version}-{entry.revision} as it is, "
                f"and {policy.name} takes packages from there"
            )
    there = IndexTree(read, source.index) if source and change.removed else None
    for name in change.removed:
        if there and there.listing(name) is not None:
            yield f"{policy.name} would be without {name}, which {policy.from_channel} still has"
