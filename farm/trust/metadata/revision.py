"""One change of a published repository, written in the one order that never shows a client an inconsistent state.

First the files that nothing names yet (delegated roles, then targets), then the snapshot that names them, then the
timestamp that names the snapshot: each whole or not at all. A process killed between two of them has changed nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuf.api.metadata import MetaFile, Snapshot, Timestamp

from farm.trust.keys.signers import signed
from farm.trust.metadata.repository_files import Head
from farm.trust.metadata.roles import expiry, lifetime

if TYPE_CHECKING:
    from datetime import datetime

    from tuf.api.metadata import DelegatedRole, Root, Targets

    from farm.trust.keys.signers import Signers
    from farm.trust.metadata.repository_files import RepositoryFiles


class Revision:
    """Collects the changes to a repository whose head was read under its lock; `finish` publishes them.

    With a `coming` root, snapshot and timestamp are signed for it and, as far as keys are here, for the present one.
    Raises a `FarmError` before anything is written if keys are missing.
    """

    def __init__(
        self, repository: RepositoryFiles, head: Head, signers: Signers, now: datetime, coming: Root | None = None
    ) -> None:
        self._repository = repository
        self._head = head
        self._signers = signers
        self._now = now
        root, other = (coming, head.root) if coming else (head.root, head.older_root)
        self._online = {
            name: signers.signing(name, root.roles[name], other.roles[name] if other else None)
            for name in ("snapshot", "timestamp")
        }
        # A new root may have other keys for either: then the old signatures no longer hold.
        self._snapshot_changed = coming is not None

    @classmethod
    def first(
        cls, repository: RepositoryFiles, root: Root, targets: Targets, signers: Signers, now: datetime
    ) -> Revision:
        """Begin a repository that has only a root."""
        timestamp = Timestamp(expires=now, snapshot_meta=MetaFile(1))
        snapshot = Snapshot(expires=now)
        # `finish` counts on from the published versions, of which there are none yet.
        timestamp.version = snapshot.version = 0
        return cls(repository, Head(root, None, timestamp, snapshot, targets), signers, now)

    def delegated(self, role: DelegatedRole, document: Targets) -> None:
        """Sign the next version of a delegated role. Raises `SigningError`."""
        signers = self._signers.signing(role.name, role)
        before = self._head.snapshot.meta.get(f"{role.name}.json")
        document.version = before.version + 1 if before else 1
        document.expires = expiry(role.name, self._now)
        self._note(role.name, document.version, signed(document, signers))

    def targets(self, version: int, content: bytes) -> None:
        """Take targets metadata that others have signed."""
        self._note("targets", version, content)

    def finish(self) -> None:
        """Write the snapshot, if it changes or has passed half its lifetime, and the timestamp."""
        head = self._head
        if self._snapshot_changed or head.snapshot.expires - self._now < lifetime("snapshot") / 2:
            head.snapshot.version += 1
            head.snapshot.expires = expiry("snapshot", self._now)
            content = signed(head.snapshot, self._online["snapshot"])
            self._repository.write_metadata(f"{head.snapshot.version}.snapshot.json", content)
            head.timestamp.snapshot_meta = MetaFile.from_data(head.snapshot.version, content, ["sha256"])
        head.timestamp.version += 1
        head.timestamp.expires = expiry("timestamp", self._now)
        self._repository.write_metadata("timestamp.json", signed(head.timestamp, self._online["timestamp"]))

    def _note(self, name: str, version: int, content: bytes) -> None:
        self._repository.write_metadata(f"{version}.{name}.json", content)
        self._head.snapshot.meta[f"{name}.json"] = MetaFile.from_data(version, content, ["sha256"])
        self._snapshot_changed = True
