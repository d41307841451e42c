"""A published repository on disk, and the acts of its publisher: a release, a fresh timestamp, the list of builders.

Metadata is written in the one order that never shows a client an inconsistent state: the channel's role, then
snapshot, then timestamp, each to a temporary name, flushed, and renamed. What is current is read by the same chain
from the other end, so a publisher that was killed anywhere leaves files that nothing points at, and no harm.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, MetaFile, Snapshot, TargetFile, Targets, Timestamp

from farm.errors import FarmError
from farm.trust.builders import read_builders
from farm.trust.layout import BUILDERS_TARGET, METADATA, TARGETS, release_target
from farm.trust.release_index import Release
from farm.trust.roles import Signers, lifetime, signed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from securesystemslib.signer import Key

    from farm.names import Digest


class RepositoryStateError(FarmError):
    """The repository's directory holds no metadata, or metadata that its own keys do not bear out."""

    code = "repository-state"


class StaleReleaseError(FarmError):
    """A release is not the successor of the one that is published now: somebody else was faster."""

    code = "stale-release"

    def __init__(self, release: Release, number: int, digest: Digest | None) -> None:
        super().__init__(
            f"release {release.number} of {release.channel} builds on {release.previous or 'nothing'}, but release "
            f"{number} ({digest or 'none'}) is published now",
            remedy="Collect the candidate again on the published release and test it anew.",
        )


@dataclass(frozen=True, slots=True)
class Published:
    """What the timestamp points at now: the documents, and of one channel its newest release."""

    timestamp: Timestamp
    snapshot: Snapshot
    channel: Targets
    release: Release | None


class Repository:
    """A directory that a static host can serve as it is: `metadata/`, `targets/`, `blobs/`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def exists(self) -> bool:
        """Return whether the ceremony has been held for this directory."""
        return (self.root / METADATA / "timestamp.json").exists()

    def write_metadata(self, name: str, content: bytes) -> None:
        """Put one metadata file in place, whole or not at all."""
        replace_file(self.root / METADATA / name, content)

    def write_target(self, path: str, content: bytes) -> TargetFile:
        """Put a target in place under its hash-prefixed name (consistent snapshots) and return its TUF entry."""
        target = TargetFile.from_data(path, content, ["sha256"])
        folder, _, name = path.rpartition("/")
        replace_file(self.root / TARGETS / folder / f"{target.hashes['sha256']}.{name}", content)
        return target

    def current(self, channel: str) -> Published:
        """Read what is published, from the timestamp down; raises `RepositoryStateError`."""
        try:
            timestamp = self._read("timestamp.json", Timestamp)
            snapshot = self._read(f"{timestamp.snapshot_meta.version}.snapshot.json", Snapshot)
            meta = snapshot.meta.get(f"{channel}.json")
            if meta is None:
                raise RepositoryStateError(
                    f"the repository has no channel {channel}", remedy="Channels are delegated by `farm keys init`."
                )
            targets = self._read(f"{meta.version}.{channel}.json", Targets)
            return Published(timestamp, snapshot, targets, self._release(channel, targets))
        except (OSError, RepositoryError, ValueError) as error:
            raise RepositoryStateError(
                f"cannot read the repository in {self.root}: {error}", remedy="Make keys with `farm keys init`."
            ) from error

    def builders(self) -> dict[str, Key]:
        """Return the builders that the top-level targets role allows, by key id; raises `RepositoryStateError`."""
        _, snapshot = self._chain()
        try:
            targets = self._read(f"{snapshot.meta['targets.json'].version}.targets.json", Targets)
            target = targets.targets[BUILDERS_TARGET]
            content = (self.root / TARGETS / f"{target.hashes['sha256']}.{BUILDERS_TARGET}").read_bytes()
            target.verify_length_and_hashes(content)
        except (OSError, RepositoryError, ValueError, KeyError) as error:
            raise RepositoryStateError(f"cannot read the allowed builders in {self.root}: {error}") from error
        return read_builders(content)

    def publish(self, release: Release, signers: Signers, now: datetime) -> None:
        """Make `release` the newest of its channel, if its predecessor is the newest now (compare and swap).

        Publishing what is published already changes nothing. All blobs must be in place before.
        Raises `StaleReleaseError`, `RepositoryStateError`.
        """
        with self._lock():
            published = self.current(release.channel)
            newest = published.release
            if newest == release:
                return
            number, digest = (newest.number, newest.digest) if newest else (0, None)
            if release.previous != digest or release.number != number + 1:
                raise StaleReleaseError(release, number, digest)
            path = release_target(release.channel)
            published.channel.targets = {path: self.write_target(path, release.to_json())}
            self._renew(published.channel, release.channel, signers, now)
            published.snapshot.meta[f"{release.channel}.json"] = MetaFile(published.channel.version)
            self._renew(published.snapshot, "snapshot", signers, now)
            published.timestamp.snapshot_meta = MetaFile(published.snapshot.version)
            self._renew(published.timestamp, "timestamp", signers, now)

    def refresh_timestamp(self, signers: Signers, now: datetime) -> None:
        """Sign the timestamp anew; and the channels and the snapshot too, when they have lived half their time.

        Raises as `current`.
        """
        with self._lock():
            timestamp, snapshot = self._chain()
            renewed = False
            for role in sorted(signers.keys() & {name.removesuffix(".json") for name in snapshot.meta}):
                document = self._read(f"{snapshot.meta[f'{role}.json'].version}.{role}.json", Targets)
                if document.expires - now < lifetime(role) / 2:
                    self._renew(document, role, signers, now)
                    snapshot.meta[f"{role}.json"] = MetaFile(document.version)
                    renewed = True
            if renewed or snapshot.expires - now < lifetime("snapshot") / 2:
                self._renew(snapshot, "snapshot", signers, now)
                timestamp.snapshot_meta = MetaFile(snapshot.version)
            self._renew(timestamp, "timestamp", signers, now)

    def allow_builders(self, document: bytes, signers: Signers, now: datetime) -> bool:
        """Make `document` the list of builders that clients accept; False when it is that already.

        `signers` are those of targets (offline), snapshot and timestamp. Raises as `current`.
        """
        with self._lock():
            timestamp, snapshot = self._chain()
            targets = self._read(f"{snapshot.meta['targets.json'].version}.targets.json", Targets)
            wanted = TargetFile.from_data(BUILDERS_TARGET, document, ["sha256"])
            if targets.targets.get(BUILDERS_TARGET) == wanted:
                return False
            targets.targets[BUILDERS_TARGET] = self.write_target(BUILDERS_TARGET, document)
            self._renew(targets, "targets", signers, now)
            snapshot.meta["targets.json"] = MetaFile(targets.version)
            self._renew(snapshot, "snapshot", signers, now)
            timestamp.snapshot_meta = MetaFile(snapshot.version)
            self._renew(timestamp, "timestamp", signers, now)
            return True

    def _chain(self) -> tuple[Timestamp, Snapshot]:
        try:
            timestamp = self._read("timestamp.json", Timestamp)
            return timestamp, self._read(f"{timestamp.snapshot_meta.version}.snapshot.json", Snapshot)
        except (OSError, RepositoryError, ValueError) as error:
            raise RepositoryStateError(f"cannot read the repository in {self.root}: {error}") from error

    def _renew(self, document: Targets | Snapshot | Timestamp, role: str, signers: Signers, now: datetime) -> None:
        document.version += 1
        document.expires = (now + lifetime(role)).replace(microsecond=0)
        name = f"{role}.json" if role == "timestamp" else f"{document.version}.{role}.json"
        self.write_metadata(name, signed(document, signers[role]))

    def _read(self, name: str, kind: type[Any]) -> Any:
        metadata: Metadata[Any] = Metadata.from_bytes((self.root / METADATA / name).read_bytes())
        if not isinstance(metadata.signed, kind):
            raise RepositoryStateError(f"{name} in {self.root} is {metadata.signed.type} metadata")
        return metadata.signed

    def _release(self, channel: str, targets: Targets) -> Release | None:
        target = targets.targets.get(release_target(channel))
        if target is None:
            return None
        folder, _, name = target.path.rpartition("/")
        content = (self.root / TARGETS / folder / f"{target.hashes['sha256']}.{name}").read_bytes()
        target.verify_length_and_hashes(content)
        return Release.from_json(content)

    @contextlib.contextmanager
    def _lock(self) -> Iterator[None]:
        with (self.root / ".publish.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def replace_file(path: Path, content: bytes) -> None:
    """Write a file so that at every instant its old or its new content is there whole, also after a power cut."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
