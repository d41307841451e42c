"""The offline proof that another distribution has signed a release: its metadata of that time.

A farm that follows a distribution stores the documents that led from its root to a release. The checker, which has no
network, verifies them again, so it need not trust their source. Signatures, thresholds, versions and digests are
checked as by a client. Expiry is not: the release was signed, and stays so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root, Snapshot, Targets, Timestamp
from tuf.ngclient import UpdaterConfig

from farm.core.names.digest import Digest
from farm.core.names.form import Form, InvalidRecordError
from farm.errors import FarmError
from farm.trust.index.earlier_release import LARGEST_HEAD
from farm.trust.index.release_index import InvalidReleaseError, Release
from farm.trust.layout import release_target
from farm.trust.metadata.delegation import (
    DelegationError,
    Document,
    check_delegated,
    check_root,
    check_targets,
    role_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from farm.trust.index.imports import Import

    ReadWithin = Callable[[Digest, int], bytes]
    """Returns the verified bytes of a blob of at most that size. Raises a `FarmError`."""


MOST_HEADS = 1000
"""How many releases may be between the imported one and the one whose signature is proven."""
LARGEST_SHOWN = 64 << 20
"""Bytes of all documents for one release together."""
_CLIENT = UpdaterConfig()  # a proof has the same limits as what a client fetches


class UnprovenReleaseError(FarmError):
    """A proof does not show that another distribution has signed a release."""

    code = "unsigned-abroad"


@dataclass(frozen=True, slots=True)
class ReleaseProof(Form, record="signed release of another distribution"):
    """Documents by digest. `roots` begin with the pinned one; `channel` is the metadata of the channel's role.

    `heads` lead from the release that this role has signed, each to the one before it, to the proven release.
    """

    roots: tuple[Digest, ...]
    timestamp: Digest
    snapshot: Digest
    targets: Digest
    channel: Digest
    heads: tuple[Digest, ...]

    @property
    def release(self) -> Digest:
        """The release whose signature is proven."""
        return self.heads[-1]

    @property
    def blobs(self) -> Iterator[Digest]:
        """Every document."""
        yield from (*self.roots, self.timestamp, self.snapshot, self.targets, self.channel, *self.heads)

    def check(self) -> None:
        """Refuse none, or too many, of the documents of which there may be several. Raises `InvalidRecordError`."""
        _check_length("roots", self.roots, _CLIENT.max_root_rotations)
        _check_length("heads", self.heads, MOST_HEADS)


def _check_length(key: str, found: tuple[Digest, ...], most: int) -> None:
    if not 0 < len(found) <= most:
        raise InvalidRecordError("signed release of another distribution", key, f"is empty, or has over {most}")


def verify_release_proof(shown: ReleaseProof, taken: Import, read: ReadWithin) -> Release:
    """Return the release that an import names, if `shown` proves that its distribution has signed it for its channel.

    Raises `UnprovenReleaseError`, and what `read` raises.
    """
    documents = _Documents(read)
    try:
        targets = documents.targets(shown, taken.root)
        signed = documents.delegated(shown, targets, taken.channel)
        release = documents.release(shown, signed, taken.channel)
    except (RepositoryError, DelegationError, InvalidReleaseError, ValueError) as error:
        raise UnprovenReleaseError(
            f"the proof for {taken} does not show that it was signed there: {error}", remedy=_NOT_THEIRS
        ) from error
    if (release.distribution, release.channel, release.number) != (taken.distribution, taken.channel, taken.number):
        raise UnprovenReleaseError(
            f"{taken} is pinned as {taken.release}, which is release {release.number} of "
            f"{release.distribution}/{release.channel}",
            remedy=_NOT_THEIRS,
        )
    return release


class _Documents:
    """The documents for one release, whose total size is limited."""

    def __init__(self, read: ReadWithin) -> None:
        self._read = read
        self._left = LARGEST_SHOWN

    def targets(self, shown: ReleaseProof, pinned: Digest) -> tuple[Targets, Snapshot]:
        """Return the metadata of targets on which all channels rest, and the snapshot that names their versions."""
        if shown.roots[0] != pinned:
            raise ValueError(f"it begins with the root {shown.roots[0]}, and {pinned} is pinned")
        root = self._root(shown)
        timestamp = _signed(Timestamp, self._bytes(shown.timestamp, _CLIENT.timestamp_max_length), root, "timestamp")
        content = self._bytes(shown.snapshot, _CLIENT.snapshot_max_length)
        timestamp.snapshot_meta.verify_length_and_hashes(content)
        snapshot = _signed(Snapshot, content, root, "snapshot")
        if snapshot.version != timestamp.snapshot_meta.version:
            raise ValueError(f"the timestamp names version {timestamp.snapshot_meta.version} of the snapshot")
        targets = self._named(shown.targets, snapshot, root, "targets")
        check_root(root)
        check_targets(targets, root)
        return targets, snapshot

    def delegated(self, shown: ReleaseProof, above: tuple[Targets, Snapshot], channel: str) -> Targets:
        """Return the metadata of a channel's role."""
        targets, snapshot = above
        role_of(targets, channel)
        found = self._named(shown.channel, snapshot, targets, channel)
        check_delegated(channel, found)
        return found

    def release(self, shown: ReleaseProof, signed: Targets, channel: str) -> Release:
        """Return the proven release: the one that is signed, or one before it, by the digest each has."""
        target = signed.targets.get(release_target(channel))
        if target is None or "sha256" not in target.hashes:
            raise ValueError(f"{channel} signs no release")
        target.verify_length_and_hashes(self._bytes(shown.heads[0], LARGEST_HEAD))
        before: Release | None = None
        for digest in shown.heads:
            if before is not None and before.previous != digest:
                raise ValueError(f"release {before.number} does not come after {digest}")
            before = Release.from_json(self._bytes(digest, LARGEST_HEAD))
        assert before is not None  # noqa: S101  (there is one at least)
        return before

    def _root(self, shown: ReleaseProof) -> Root:
        """Return the newest root: each is signed by its own keys, and by those of the one before."""
        root: Root | None = None
        for digest in shown.roots:
            content = self._bytes(digest, _CLIENT.root_max_length)
            found = _signed(Root, content, root, "root") if root else Metadata[Root].from_bytes(content).signed
            itself = _signed(Root, content, found, "root")
            if root is not None and itself.version != root.version + 1:
                raise ValueError(f"root {itself.version} comes after root {root.version}")
            root = itself
        assert root is not None  # noqa: S101  (there is one at least)
        return root

    def _named(self, digest: Digest, snapshot: Snapshot, above: Root | Targets, role: str) -> Targets:
        named = snapshot.meta.get(f"{role}.json")
        if named is None:
            raise ValueError(f"the snapshot does not name {role}")
        content = self._bytes(digest, _CLIENT.targets_max_length)
        named.verify_length_and_hashes(content)
        found = _signed(Targets, content, above, role)
        if found.version != named.version:
            raise ValueError(f"the snapshot names version {named.version} of {role}")
        return found

    def _bytes(self, digest: Digest, most: int) -> bytes:
        content = self._read(digest, min(most, self._left))
        self._left -= len(content)
        return content


def _signed(kind: type[Document], content: bytes, above: Root | Targets, role: str) -> Document:
    metadata = Metadata[Any].from_bytes(content)
    if not isinstance(metadata.signed, kind):
        raise ValueError(f"{role} is {metadata.signed.type} metadata")  # noqa: TRY004  (of a document)
    above.verify_delegate(role, metadata.signed_bytes, metadata.signatures)
    return metadata.signed


_NOT_THEIRS = (
    "Do not trust where it came from. If its owner confirms that it is theirs, let control fetch it again: it follows "
    "other distributions by itself."
)
