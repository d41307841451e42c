"""The newest release of a channel without a new verification, where the repository still shows what was verified."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from farm.client.repository.freshness import unchanged_state
from farm.core.names.digest import Digest
from farm.trust.index.release_index import InvalidReleaseError
from farm.trust.verification.seen_releases import read_seen

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from farm.client.repository.subscriptions import Subscription
    from farm.trust.index.release_index import Release
    from farm.trust.metadata.builders import AllowedBuilders


class NewestRelease(NamedTuple):
    """The newest release of a subscription; `builders` is the digest of the signed list of allowed builders."""

    subscription: Subscription
    release: Release
    builders: Digest
    read_builders: Callable[[], AllowedBuilders]


def known_newest(subscription: Subscription, metadata: Path) -> NewestRelease | None:
    """Return the newest release of a subscription whose verified metadata is stored in a directory.

    None where its repository shows something else, or the stored metadata is incomplete: then all has to be verified.
    """
    look = unchanged_state(str(metadata), subscription.channel, subscription.address)
    if look is None:
        return None
    try:
        release = read_seen(metadata / "seen", subscription.channel)
        listed = (metadata / "targets" / Digest(look.builders).hex).read_bytes()
    except (OSError, ValueError, LookupError, TypeError, InvalidReleaseError):
        return None
    if release.digest != look.release or Digest.of(listed) != look.builders:
        return None

    @cache
    def builders() -> AllowedBuilders:
        from farm.trust.metadata.builders import read_builders  # noqa: PLC0415  (loads all key types)

        return read_builders(listed)

    return NewestRelease(subscription, release, Digest(look.builders), builders)
