"""From the newest release that is signed back to one that was pinned: each release names the one before by digest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.core.plan.job import BlobRef
from farm.trust.index.release_index import Release
from farm.trust.untrusted_metadata import UntrustedMetadataError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from farm.trust.index.imports import Import
    from farm.trust.index.tree import Read

LARGEST_HEAD = 4 * 1024 * 1024
"""Bytes that the head of a release may have."""
MOST_STEPS = 5000
"""How many releases are walked back: some years of several a day."""


def pinned_release(newest: Release, pin: Import, read: Read) -> Release:
    """Return the release that `pin` names, which `newest` must be or come after. `read` brings blobs by digest.

    Raises `UntrustedMetadataError`, `InvalidReleaseError`, and what `read` raises.
    """
    if (newest.distribution, newest.channel) != (pin.distribution, pin.channel):
        raise _refused(
            pin, "mismatch", f"the repository is that of {newest.distribution}/{newest.channel}", "Tell its owner."
        )
    release = newest
    for release in _back_from(newest, read):
        if release.digest == pin.release:
            return release
        if release.number <= pin.number:
            break
    if release.number > pin.number and release.previous:
        raise _refused(pin, "missing", f"it is more than {MOST_STEPS} releases back", "Ask for a newer release.")
    if newest.number < pin.number:
        why, remedy = f"the newest that is signed there is release {newest.number}", "The mirror is stale: try another."
    else:
        why = f"release {newest.number}, the newest that is signed there, does not lead back to it"
        remedy = "Nothing was changed. Tell the owner of the channel: what was pinned never was one of its releases."
    raise _refused(pin, "missing", why, remedy)


def numbered_release(newest: Release, number: int, read: Read) -> Release:
    """Return the release of a number, which `newest` must be or come after. `read` brings blobs by digest.

    Raises `UntrustedMetadataError`, `InvalidReleaseError`, and what `read` raises.
    """
    for release in _back_from(newest, read):
        if release.number == number:
            return release
        if release.number < number:
            break
    raise UntrustedMetadataError(
        "missing",
        f"{newest.channel} has no release {number}",
        f"The newest that is signed is {newest.number}.",
    )


def _back_from(newest: Release, read: Read) -> Iterator[Release]:
    """Yield a release and those before it, `MOST_STEPS` at most."""
    release = newest
    for _ in range(MOST_STEPS):
        yield release
        if release.previous is None:
            return
        release = Release.from_json(read(BlobRef(release.previous, LARGEST_HEAD)))


def _refused(pin: Import, reason: str, why: str, remedy: str) -> UntrustedMetadataError:
    message = f"{pin}, {pin.release}, is pinned, and not available at {pin.address}: {why}"
    return UntrustedMetadataError(reason, message, remedy)
