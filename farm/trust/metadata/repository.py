"""A published repository on disk, and the acts of its signer: a release, advisories, a fresh timestamp.

What is current is read from the timestamp down, every document verified against who delegates it; so a publisher that
was killed anywhere leaves files that nothing points at, and no harm. `revision` beside this has the order of writing.
"""

from __future__ import annotations

import contextlib
import fcntl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root, Snapshot, TargetFile, Targets, Timestamp

from farm.core.names.digest import Digest
from farm.errors import FarmError
from farm.store.durable_file import replace_file
from farm.trust.attestation.dsse import sign_statement
from farm.trust.attestation.release_summary import summary_path, summary_statement
from farm.trust.index.release_index import Release, check_successor
from farm.trust.index.release_time import check_clock
from farm.trust.keys.signers import SigningError
from farm.trust.layout import (
    ADVISORIES,
    BUILDERS_TARGET,
    METADATA,
    SUMMARIES,
    TARGETS,
    advisory_target,
    hashed_path,
    release_target,
)
from farm.trust.metadata.builders import read_builders
from farm.trust.metadata.delegation import DelegationError, channels_of, delegated_roles, role_of
from farm.trust.metadata.head import Head
from farm.trust.metadata.public_keys import write_public_keys
from farm.trust.metadata.revision import Revision
from farm.trust.metadata.roles import lifetime

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from securesystemslib.signer import Signer

    from farm.trust.attestation.check_results import VerifiedRelease
    from farm.trust.keys.signers import Signers
    from farm.trust.metadata.builders import AllowedBuilders

__all__ = [
    "Head",
    "Published",
    "Repository",
    "RepositoryStateError",
    "StaleReleaseError",
    "check_follows",
    "replace_file",
]

_Document = TypeVar("_Document", Root, Timestamp, Snapshot, Targets)


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


def check_follows(release: Release, newest: Release | None) -> None:
    """See that a release is the next after the newest one. Raises `StaleReleaseError`."""
    number, digest = (newest.number, newest.digest) if newest else (0, None)
    if release.previous != digest or release.number != number + 1:
        raise StaleReleaseError(release, number, digest)


class StalePolicyError(FarmError):
    """A release was looked at by another list of builders and policies than is in force now."""

    code = "stale-policy"

    def __init__(self, release: Release) -> None:
        super().__init__(
            f"while release {release.number} of {release.channel} was looked at, other builders or policies came into "
            "force",
            remedy="Ask again: it is looked at by those.",
        )


@dataclass(frozen=True, slots=True)
class Published:
    """Of one channel: its metadata that is in force, and its newest release."""

    head: Head
    channel: Targets
    release: Release | None


class Repository:
    """A directory that a static host can serve as it is: `metadata/`, `targets/`, `blobs/`, `keys/`."""

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

        Snapshot and timestamp may be signed for the root before, as they are in a backup that is older than the newest
        root, or for a `coming` one. Who can write here can put back older files anyway: only clients remember more.
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
        roots = [each for each in (root, older, coming) if each]
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

    def publish(
        self,
        release: Release,
        signers: Signers,
        now: datetime,
        *,
        verified: VerifiedRelease | None = None,
        before: Callable[[], object] = lambda: None,
    ) -> None:
        """Make `release` the newest of its channel, if its predecessor is the newest now (compare and swap).

        Publishing what is published already changes nothing. All blobs must be in place before. What was `verified`
        comes beside it as a signed summary, before anybody sees the release; `before` is called last before that, when
        nothing is left that could refuse it.
        Raises `StaleReleaseError`, `StalePolicyError`, `NotASuccessorError`, `DelegationError`, `ClockBehindError`,
        `MissingSignerError`, `SigningError`, `RepositoryStateError`.
        """
        with self.lock():
            published = self.current(release.channel)
            newest = published.release
            if newest == release:
                return
            check_follows(release, newest)
            check_clock(release, now)
            if newest:
                check_successor(newest, release)
            self._check_owner(published.head, release)
            role = role_of(published.head.targets, release.channel)
            revision = Revision(self, published.head, signers, now)
            if verified:
                if verified.policy != Digest.of(self.builders_document(published.head)):
                    raise StalePolicyError(release)
                self._write_summary(release, verified, signers.signing(release.channel, role), now)
            path = release_target(release.channel)
            published.channel.targets = {path: self.write_target(path, release.to_json())}
            revision.delegated(role, published.channel)
            before()
            revision.finish()

    def summary(self, release: Digest) -> bytes | None:
        """Return the signed summary of a release, as it lies there; None of one that was published without."""
        path = self.root / summary_path(release)
        return path.read_bytes() if path.is_file() else None

    def publish_advisories(
        self,
        documents: Mapping[str, bytes],
        signers: Signers,
        now: datetime,
        *,
        check: Callable[[Mapping[str, TargetFile]], None] = lambda _published: None,
    ) -> bool:
        """Make clients see these documents about advisories, by name, beside others that are there.

        False when they see them already. Raises as `publish`.

        `check` is given what is published, while no other publisher can change it, and raises for what may not follow.
        """
        with self.lock():
            head = self.head()
            current = self.delegated(head, ADVISORIES)
            check(current.targets)
            wanted = current.targets | {
                path: TargetFile.from_data(path, content, ["sha256"])
                for path, content in ((advisory_target(name), content) for name, content in sorted(documents.items()))
            }
            if current.targets == wanted:
                return False
            revision = Revision(self, head, signers, now)
            for name, content in documents.items():
                self.write_target(advisory_target(name), content)
            current.targets = wanted
            revision.delegated(role_of(head.targets, ADVISORIES), current)
            revision.finish()
            return True

    def refresh_timestamp(self, signers: Signers, now: datetime) -> None:
        """Sign the timestamp anew; and delegated roles and the snapshot too, when they have lived half their time.

        Raises `ClockBehindError` when `now` is before a release that is published, and as `publish`.
        """
        with self.lock():
            head = self.head()
            documents = {name: self.delegated(head, name) for name in delegated_roles(head.targets)}
            for name, document in documents.items():
                if target := document.targets.get(release_target(name)):
                    check_clock(Release.from_json(self.read_target(target)), now)
            revision = Revision(self, head, signers, now)
            for name, document in documents.items():
                role = role_of(head.targets, name)
                if document.expires - now < lifetime(name) / 2 and signers.holds(role):
                    revision.delegated(role, document)
            revision.finish()

    def refresh_public_keys(self) -> None:
        """Bring the keys for people up to the metadata in force: a repository of before has none. See `public_keys`."""
        with self.lock():
            write_public_keys(self)

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Keep other publishers out meanwhile."""
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / ".publish.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _write_summary(
        self, release: Release, verified: VerifiedRelease, signers: Sequence[Signer], now: datetime
    ) -> None:
        before = self.summary(release.previous) if release.previous else None
        try:
            content = sign_statement(summary_statement(release, verified, now, before), *signers)
        except Exception as error:  # a key service's library raises what it likes
            raise SigningError(
                f"the summary of release {release.number} of {release.channel} was not signed: "
                f"{error or type(error).__name__}",
                remedy="Look at the HSM or the key service that holds the channel's key.",
            ) from error
        try:
            replace_file(self.root / summary_path(release.digest), content)
        except OSError as error:
            raise RepositoryStateError(
                f"what was verified of release {release.number} of {release.channel} cannot be written below "
                f"{self.root / SUMMARIES}: {error.strerror or error}",
                remedy=f"Make {self.root / SUMMARIES} a directory that the signer may write to: `farm up` does.",
            ) from error

    def distributions(self, head: Head) -> Iterator[str]:
        """Yield whose the newest release of each channel says that it is; nothing before the first release of all."""
        for name in channels_of(head.targets):
            if target := self.delegated(head, name).targets.get(release_target(name)):
                yield Release.from_json(self.read_target(target)).distribution

    def _check_owner(self, head: Head, release: Release) -> None:
        """All channels of a repository are of one distribution: the one that its first release has named."""
        for owner in self.distributions(head):
            if owner != release.distribution:
                raise DelegationError(
                    f"release {release.number} of {release.channel} is of {release.distribution}, and this repository "
                    f"is that of {owner}",
                    remedy="A distribution signs its own names only: give another one a repository of its own.",
                )

    def _verified(self, name: str, kind: type[_Document], role: str, *delegators: Root | Targets) -> _Document:
        """Read a document that one of `delegators` bears out; without any, a root that bears itself out."""
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
            remedy="Somebody has changed it, or keys were changed by hand. Bring the repository back from a backup.",
        )

    def _version(self, snapshot: Snapshot, role: str) -> int:
        meta = snapshot.meta.get(f"{role}.json")
        if meta is None:
            raise RepositoryStateError(f"the snapshot in {self.root} names no {role}")
        return meta.version
