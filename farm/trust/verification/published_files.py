"""The files of a repository's metadata and targets as its owner has published them, from what a client has verified.

A mirror writes them again, byte for byte, so that its readers verify the same signatures.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tuf.api.metadata import Metadata, Root, Snapshot, Targets, Timestamp

from farm.core.names.digest import Digest
from farm.errors import FarmError
from farm.trust.layout import ADVISORIES, hashed_path
from farm.trust.metadata.delegation import Document, delegated_roles, document_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime
    from pathlib import Path


class PublishedMeanwhileError(FarmError):
    """The verified roles are from two states of a repository: its owner has published in between."""

    code = "published-meanwhile"


@dataclass(frozen=True, slots=True)
class PublishedFiles:
    """One state of a repository. `metadata` are all files but timestamp and roots, by name, and `targets` by path.

    `roots` are by version; `until` is when the first of these documents expires. `delegating` has the keys of each
    channel.
    """

    metadata: Mapping[str, bytes]
    targets: Mapping[str, bytes]
    timestamp: bytes
    roots: Mapping[int, bytes]
    until: datetime
    delegating: Targets


def published_files(state: Path, channels: Iterable[str]) -> PublishedFiles:
    """Return what `ChannelMetadata` has verified in `state` of these channels, and of the advisories.

    No other process may verify there meanwhile. Raises `PublishedMeanwhileError`: then verify them all again.
    """
    contents: dict[str, bytes] = {}

    def read(role: str, kind: type[Document]) -> Document:
        contents[role] = (state / f"{role}.json").read_bytes()
        return document_of(Metadata.from_bytes(contents[role]), kind, role)

    root, timestamp, snapshot = read("root", Root), read("timestamp", Timestamp), read("snapshot", Snapshot)
    targets = read("targets", Targets)
    roles = {"targets": targets} | {name: read(name, Targets) for name in channels}
    if ADVISORIES in delegated_roles(targets) and f"{ADVISORIES}.json" in snapshot.meta:
        roles[ADVISORIES] = read(ADVISORIES, Targets)
    metadata = {f"{snapshot.version}.snapshot.json": contents["snapshot"]}
    for name, document in roles.items():
        named = snapshot.meta.get(f"{name}.json")
        if named is None or named.version != document.version or timestamp.snapshot_meta.version != snapshot.version:
            raise PublishedMeanwhileError(f"the repository has changed again while {name} was read")
        metadata[f"{document.version}.{name}.json"] = contents[name]
    return PublishedFiles(
        metadata=metadata,
        targets={path: content for role in roles.values() for path, content in _targets(state, role).items()},
        timestamp=contents["timestamp"],
        roots={
            int(path.name.partition(".")[0]): path.read_bytes()
            for path in (state / "root_history").glob("[0-9]*.root.json")
        },
        delegating=targets,
        until=min(signed.expires for signed in (root, timestamp, snapshot, *roles.values())),
    )


def _targets(state: Path, document: Targets) -> dict[str, bytes]:
    found = {}
    for path, target in document.targets.items():
        digest = Digest.from_hex(target.hashes["sha256"])
        content = (state / "targets" / digest.hex).read_bytes()
        if Digest.of(content) != digest:
            raise PublishedMeanwhileError(f"{path} is not what was verified")
        found[hashed_path(path, digest.hex)] = content
    return found
