"""What a client has verified of a repository before, read offline: the last release and its documents.

Only what was accepted as a whole counts: the release in `seen_releases`, under the keys that its channel has. Expiry is
reported, not enforced: what is installed has to go on working.
"""

from __future__ import annotations

import fcntl
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TextIO

from securesystemslib.exceptions import StorageError
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root, Targets
from tuf.api.serialization import DeserializationError

from farm.core.names.digest import Digest
from farm.errors import FarmError
from farm.trust.layout import ADVISORIES, BUILDERS_TARGET
from farm.trust.metadata.builders import read_builders
from farm.trust.metadata.delegation import DelegationError, delegated_roles, document_of, role_of
from farm.trust.verification.channel_signers import read_signers
from farm.trust.verification.last_verified import TOP_ROLES, metadata_ends
from farm.trust.verification.seen_releases import seen_release

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from farm.trust.index.release_index import Release
    from farm.trust.metadata.builders import AllowedBuilders
    from farm.trust.verification.channel_signers import ChannelSigners
    from farm.trust.verification.client_metadata import RepositoryReader


_LOCKED_SECONDS = 0.5


class NothingVerifiedError(FarmError):
    """Nothing of a channel was verified here before, so nothing is known of it without its repository."""

    code = "nothing-verified"

    def __init__(self, channel: str) -> None:
        super().__init__(
            f"no release of channel {channel} was verified on this host before",
            remedy="Run it once while the repository can be reached.",
        )


def _take(lock: TextIO) -> None:
    """Wait a moment for a process that updates; then go on without the lock, since it may be waiting for the network.

    Each file is verified on its own, and replaced as a whole: what is read is as if that process had been killed.
    """
    ends = time.monotonic() + _LOCKED_SECONDS
    while time.monotonic() < ends:
        with suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return
        time.sleep(0.01)


@dataclass(frozen=True, slots=True)
class StoredDocuments:
    """Metadata as it was fetched: `channel` is that of the channel's role."""

    roots: tuple[bytes, ...]
    timestamp: bytes
    snapshot: bytes
    targets: bytes
    channel: bytes


class KeptMetadata:
    """The metadata that `ChannelMetadata` stores in `state`, read without a repository."""

    def __init__(self, state: Path) -> None:
        self._state = state

    def last(self, channel: str) -> tuple[Release, AllowedBuilders]:
        """Return the last release that was verified, and the builders' keys. Raises `NothingVerifiedError`."""
        with self._held(channel):
            targets = self._targets("targets")
            builders = self._target(targets, BUILDERS_TARGET)
            keyids = tuple(sorted(role_of(targets, channel).keyids))
            release = seen_release(self._state / "seen", channel, keyids)
            if release is None or builders is None:
                raise NothingVerifiedError(channel)
            return release, read_builders(builders)

    def advisories(self) -> dict[str, bytes]:
        """Return the advisories' documents that were verified last, by name.

        Raises `NothingVerifiedError`, also if a document is signed and was not fetched: that must not look like none.
        """
        with self._held(ADVISORIES):
            if ADVISORIES not in delegated_roles(self._targets("targets")):
                return {}
            signed = self._targets(ADVISORIES)
            found: dict[str, bytes] = {}
            for path in signed.targets:
                content = self._target(signed, path)
                if content is None:
                    raise NothingVerifiedError(ADVISORIES)
                found[path.removeprefix(f"{ADVISORIES}/")] = content
            return found

    def signers(self, channel: str, reader: RepositoryReader) -> ChannelSigners:
        """Return the keys behind a channel. `reader` is only used for older lists of builders.

        Raises `NothingVerifiedError`.
        """
        with self._held(channel):
            return read_signers(self._state, reader, channel)

    def release(self, digest: Digest) -> bytes | None:
        """Return an earlier release that was verified here once; None if it is not stored, or damaged."""
        return self._kept(digest.hex)

    def documents(self, channel: str, pinned: int) -> StoredDocuments:
        """Return the documents that the last release was verified with, from the root of this version on.

        Raises `NothingVerifiedError`.
        """
        with self._held(channel):
            newest = Metadata[Root].from_file(str(self._state / "root.json")).signed.version
            roots = [self._state / "root_history" / f"{version}.root.json" for version in range(pinned, newest + 1)]
            timestamp, snapshot, targets, delegated = (
                (self._state / f"{role}.json").read_bytes() for role in ("timestamp", "snapshot", "targets", channel)
            )
            return StoredDocuments(tuple(root.read_bytes() for root in roots), timestamp, snapshot, targets, delegated)

    def verified_at(self, channel: str) -> datetime:
        """Return when a release of the channel was verified last."""
        return datetime.fromtimestamp((self._state / "seen" / f"{channel}.json").stat().st_mtime, UTC)

    def ended(self, channel: str, now: datetime) -> datetime | None:
        """Return when the metadata verified last has expired, None if it has not."""
        first = min(metadata_ends(self._state, (*TOP_ROLES, channel)), default=now)
        return first if first < now else None

    @contextmanager
    def _held(self, channel: str) -> Iterator[None]:
        try:
            with (self._state / ".lock").open("r") as lock:
                _take(lock)
                yield
        except (OSError, StorageError, RepositoryError, DeserializationError, DelegationError) as error:
            raise NothingVerifiedError(channel) from error

    def _targets(self, role: str) -> Targets:
        return document_of(Metadata.from_file(str(self._state / f"{role}.json")), Targets, role)

    def _target(self, targets: Targets, path: str) -> bytes | None:
        """Return a target as it was fetched; None if it was not, or is damaged."""
        found = targets.targets.get(path)
        return self._kept(found.hashes.get("sha256", "")) if found else None

    def _kept(self, digest: str) -> bytes | None:
        try:
            content = (self._state / "targets" / digest).read_bytes()
        except OSError:
            return None
        return content if Digest.of(content).hex == digest else None
