"""The metadata of a repository with mirrors: from its owner, and from a mirror only while the owner is unreachable.

Whatever its source, it is verified from the pinned root on. A mirror may be out of date: then its timestamp expires.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from farm.client.repository.mirrors import LIMITS as MIRROR_LIMITS
from farm.client.repository.mirrors import Mirror
from farm.client.repository.readers import InvalidAddressError, open_reader, shown
from farm.errors import FarmError
from farm.store.http.time_limits import TransferLimits
from farm.trust.untrusted_metadata import UntrustedMetadataError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from farm.client.repository.mirrors import Mirrors
    from farm.client.repository.readers import BlobReader
    from farm.trust.index.release_index import Release
    from farm.trust.metadata.builders import AllowedBuilders
    from farm.trust.verification.client_metadata import ChannelMetadata

_Found = TypeVar("_Found")


class MirroredMetadata:
    """As `ChannelMetadata`; `verifier` makes one for each place that is tried.

    `place` is where the metadata was found last.
    """

    def __init__(
        self,
        address: str,
        mirrors: Sequence[str],
        verifier: Callable[[BlobReader, str], ChannelMetadata],
        known: Mirrors,
        *,
        is_promised: bool = True,
    ) -> None:
        """`is_promised`: the mirrors are expected to have the metadata; the user is warned about one that does not."""
        self._address = address
        self._mirrors = mirrors
        self._verifier = verifier
        self._known = known
        self._is_promised = is_promised
        self.place = address

    def newest(self, channel: str) -> tuple[Release, AllowedBuilders]:
        """As `ChannelMetadata.newest`; raises `InvalidAddressError` too."""
        return self._ask(lambda metadata: metadata.newest(channel))

    def advisories(self) -> dict[str, bytes]:
        """As `ChannelMetadata.advisories`; raises `InvalidAddressError` too."""
        return self._ask(lambda metadata: metadata.advisories())

    def _ask(self, question: Callable[[ChannelMetadata], _Found]) -> _Found:
        left = len(self._mirrors)
        refusal: FarmError | None = None
        if not left or self._address not in self._known.unreachable:
            try:
                with self._deadline(left + 1) as until:
                    return question(
                        self._asked(open_reader(self._address, TransferLimits(until=until)), self._address, until)
                    )
            except FarmError as error:
                if not left or not is_unreachable(error):
                    raise
                refusal = error
        for mirror in self._known.at(self._mirrors):
            try:
                with self._deadline(left) as until:
                    reader = Mirror(mirror.address, limits=replace(MIRROR_LIMITS, until=until)) if until else mirror
                    found = question(self._asked(reader, mirror.address, until))
            except UntrustedMetadataError as error:
                refusal, left = refusal or error, left - 1
                if self._is_promised:
                    self._known.warn(f"the mirror {shown(mirror.address)} cannot be used: {error.message}")
                continue
            if self._address not in self._known.unreachable:
                self._known.unreachable.add(self._address)
                place = shown(mirror.address)
                self._known.warn(f"{shown(self._address)} cannot be reached: asked the mirror {place} what is newest")
            self.place = mirror.address
            return found
        assert refusal is not None  # noqa: S101  (there is a mirror)
        raise refusal

    def _deadline(self, parties: int) -> AbstractContextManager[Callable[[], float] | None]:
        return self._known.deadline.share(parties) if self._known.deadline else nullcontext()

    def _asked(self, reader: BlobReader, place: str, until: Callable[[], float] | None) -> ChannelMetadata:
        metadata = self._verifier(reader, place)
        metadata.remaining = until
        return metadata


def is_unreachable(error: FarmError) -> bool:
    """Return whether a repository could not be reached, as opposed to one that answers with invalid metadata."""
    if isinstance(error, UntrustedMetadataError):
        return error.reason == "network"
    return isinstance(error, InvalidAddressError)  # the directory of a mirror that is not plugged in
