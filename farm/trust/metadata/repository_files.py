"""The files of a published repository: what is in force, verified from the timestamp down; and writing whole files.

A publisher that is killed leaves files that nothing refers to, and no harm. `farm.trust.metadata.repository` publishes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root, Snapshot, TargetFile, Targets, Timestamp

from farm.errors import FarmError
from farm.store.durable_file import replace_file
from farm.store.locks import locked
from farm.trust.index.release_index import Release
from farm.trust.layout import ADVISORIES, BUILDERS_TARGET, METADATA, TARGETS, hashed_path, release_target
from farm.trust.metadata.builders import read_builders
from farm.trust.metadata.delegation import Document, channels_of, delegated_roles

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from farm.trust.metadata.builders import AllowedBuilders


class RepositoryStateError(FarmError):
    """The repository's directory holds no metadata, or metadata that its own keys have not signed."""

    code = "repository-state"


@dataclass(frozen=True, slots=True)
class Head:
    """The documents in force, verified: the newest root, the one before it, and what the timestamp points at."""

    root: Root
    older_root: Root | None
    timestamp: Timestamp
    snapshot: Snapshot
    targets: Targets


@dataclass(frozen=True, slots=True)
class Published:
    """One channel: its metadata in force, and its newest release."""

    head: Head
    channel: Targets
    release: Release | None


class RepositoryFiles:
    """A directory that a static host can serve unchanged: `metadata/`, `targets/`, `blobs/`, `keys/`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def exists(self) -> bool:
        """Return whether this directory holds a published repository."""
        return (self.root / METADATA / "timestamp.json").exists()

    def write_metadata(self, name: str, content: bytes) -> None:
        """Put one metadata file in place, whole or not at all."""
        replace_file(self.root / METADATA / name, content)

    def write_target(self, path: str, content: bytes) -> TargetFile:
        """Put a target in place under its hash-prefixed name (consistent snapshots) and return its TUF entry."""
        target = TargetFile.from_data(path, content, ["sha256"])
        replace_file(self.root / TARGETS / hashed_path(path, target.hashes["sha256"]), content)
        return target

    def read_target(self, target: TargetFile) -> bytes:
        """Return a target's content, checked; raises `RepositoryStateError`."""
        try:
            content = (self.root / TARGETS / hashed_path(target.path, target.hashes["sha256"])).read_bytes()
            target.verify_length_and_hashes(content)
        except (OSError, RepositoryError, KeyError) as error:
            raise RepositoryStateError(f"cannot read the target {target.path} in {self.root}: {error}") from error
        return content

    def read_metadata(self, name: str) -> bytes:
        """Return one metadata file; raises `RepositoryStateError`."""
        try:
            return (self.root / METADATA / name).read_bytes()
        except OSError as error:
            raise RepositoryStateError(
                f"cannot read the repository in {self.root}: {error}", remedy="Make keys with `farm keys init`."
            ) from error

    def newest_root(self) -> int:
        """Return the version of the newest root; 0 when there is none."""
        found = (path.name.split(".") for path in (self.root / METADATA).glob("*.root.json"))
        return max((int(number) for number, *_ in found if number.isdigit()), default=0)

    def head(self, coming: Root | None = None) -> Head:
        """Read what is in force, from the timestamp down. Raises `RepositoryStateError`.

        Snapshot and timestamp may be signed for the root before, as in a backup that is older than the newest root, or
        for a `coming` one. An attacker who can write here could restore older files anyway: clients remember more.
        """
        newest = self.newest_root()
        if not newest:
            raise RepositoryStateError(
                f"there is no repository in {self.root}",
                remedy="Name another directory, or make one: `farm keys init`.",
            )
        root = self._verified(f"{newest}.root.json", Root, "root")
        older = self._verified(f"{newest - 1}.root.json", Root, "root") if newest > 1 else None
        if older:
            self._verified(f"{newest}.root.json", Root, "root", older)
        roots = [document for document in (root, older, coming) if document]
        timestamp = self._verified("timestamp.json", Timestamp, "timestamp", *roots)
        snapshot = self._verified(f"{timestamp.snapshot_meta.version}.snapshot.json", Snapshot, "snapshot", *roots)
        targets = self._verified(f"{self._version(snapshot, 'targets')}.targets.json", Targets, "targets", root)
        return Head(root, older, timestamp, snapshot, targets)

    def current(self, channel: str) -> Published:
        """Read what is published on a channel, from the timestamp down; raises `RepositoryStateError`."""
        return self.current_of(self.head(), channel)

    def current_of(self, head: Head, channel: str) -> Published:
        """Read what is published on a channel, below a head that was read; raises `RepositoryStateError`."""
        document = self.delegated(head, channel)
        target = document.targets.get(release_target(channel))
        return Published(head, document, Release.from_json(self.read_target(target)) if target else None)

    def delegated(self, head: Head, name: str) -> Targets:
        """Return the metadata in force of a channel or of advisories; raises `RepositoryStateError`."""
        if name not in delegated_roles(head.targets) or f"{name}.json" not in head.snapshot.meta:
            what = "role" if name == ADVISORIES else "channel"
            raise RepositoryStateError(
                f"the repository has no {what} {name}",
                remedy=f"Delegate it: `farm keys draft targets --add-channel {name}`, then sign and publish the draft.",
            )
        return self._verified(f"{self._version(head.snapshot, name)}.{name}.json", Targets, name, head.targets)

    def builders(self) -> AllowedBuilders:
        """Return the builders that the top-level targets role allows, by key id; raises `RepositoryStateError`."""
        return read_builders(self.builders_document(self.head()))

    def builders_document(self, head: Head) -> bytes:
        """Return the list of builders that is in force; raises `RepositoryStateError`."""
        target = head.targets.targets.get(BUILDERS_TARGET)
        if target is None:
            raise RepositoryStateError(f"targets in {self.root} signs no list of builders")
        return self.read_target(target)

    def distributions(self, head: Head) -> Iterator[str]:
        """Yield the distribution that the newest release of each channel names; nothing before the first release."""
        for name in channels_of(head.targets):
            if target := self.delegated(head, name).targets.get(release_target(name)):
                yield Release.from_json(self.read_target(target)).distribution

    def lock(self) -> AbstractContextManager[None]:
        """Keep other publishers out."""
        return locked(self.root / ".publish.lock")

    def _verified(self, name: str, kind: type[Document], role: str, *delegators: Root | Targets) -> Document:
        """Read a document whose signatures one of `delegators` accepts; without any, a root that accepts its own."""
        content = self.read_metadata(name)
        try:
            metadata: Metadata[Any] = Metadata.from_bytes(content)
            document = metadata.signed
            if not isinstance(document, kind):
                raise RepositoryStateError(f"{name} in {self.root} is {document.type} metadata")
            failures: list[str] = []
            for delegator in delegators or (document,):
                try:
                    if isinstance(delegator, Root | Targets):
                        delegator.verify_delegate(role, metadata.signed_bytes, metadata.signatures)
                except RepositoryError as error:
                    failures.append(str(error))
                else:
                    return document
        except (RepositoryError, ValueError) as error:
            raise RepositoryStateError(f"cannot read {name} in {self.root}: {error}") from error
        raise RepositoryStateError(
            f"{name} in {self.root} is not what its keys have signed: {failures[0]}",
            remedy="It was changed, or keys were changed by hand. Restore the repository from a backup.",
        )

    def _version(self, snapshot: Snapshot, role: str) -> int:
        meta = snapshot.meta.get(f"{role}.json")
        if meta is None:
            raise RepositoryStateError(f"the snapshot in {self.root} names no {role}")
        return meta.version
