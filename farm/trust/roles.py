"""The roles of a repository and how long their metadata lives: TUF's four, and one delegated role per channel."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from securesystemslib.signer import Signer
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)

from farm.trust.layout import BUILDERS_TARGET, release_target

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from securesystemslib.signer import Key

Signers = dict[str, Signer]
"""Role name → who signs for it."""

OFFLINE_ROLES = ("root", "targets")
ONLINE_ROLES = ("snapshot", "timestamp")

LIFETIMES = {
    "root": timedelta(days=365),
    "targets": timedelta(days=365),
    "snapshot": timedelta(days=7),
    "timestamp": timedelta(hours=24),
}
CHANNEL_LIFETIME = timedelta(days=90)


def lifetime(role: str) -> timedelta:
    """Return how long metadata of this role is valid; a role that is none of TUF's own is a channel."""
    return LIFETIMES.get(role, CHANNEL_LIFETIME)


def new_root(keys: Mapping[str, Key], now: datetime) -> Root:
    """Return version 1 of the root metadata, with one key for each of TUF's roles (threshold 1)."""
    root = Root(expires=now + lifetime("root"), consistent_snapshot=True)
    for role in (*OFFLINE_ROLES, *ONLINE_ROLES):
        root.add_key(keys[role], role)
    return root


def new_targets(channels: Mapping[str, Key], builders: bytes, now: datetime) -> Targets:
    """Return version 1 of the targets metadata: the builders that clients accept, and a role for each channel.

    A channel's role may sign the targets below `channels/<channel>/` and nothing else; delegations terminate.
    """
    roles: dict[str, DelegatedRole] = {}
    for channel, key in sorted(channels.items()):
        pattern = release_target(channel)
        roles[channel] = DelegatedRole(channel, [key.keyid], threshold=1, terminating=True, paths=[pattern])
    keys = {key.keyid: key for key in channels.values()}
    return Targets(
        expires=now + lifetime("targets"),
        targets={BUILDERS_TARGET: TargetFile.from_data(BUILDERS_TARGET, builders, ["sha256"])},
        delegations=Delegations(keys, roles),
    )


def new_channel(now: datetime) -> Targets:
    """Return version 1 of a channel's metadata: no release yet."""
    return Targets(expires=now + CHANNEL_LIFETIME)


def new_snapshot(roles: Sequence[str], now: datetime) -> Snapshot:
    """Return version 1 of the snapshot, over version 1 of targets and of each channel."""
    return Snapshot(expires=now + lifetime("snapshot"), meta={f"{role}.json": MetaFile(1) for role in roles})


def new_timestamp(now: datetime) -> Timestamp:
    """Return version 1 of the timestamp, over version 1 of the snapshot."""
    return Timestamp(expires=now + lifetime("timestamp"), snapshot_meta=MetaFile(1))


def signed(document: Any, signer: Signer) -> bytes:
    """Return the bytes of a metadata document with this one signature on it."""
    metadata: Metadata[Any] = Metadata(document)
    metadata.sign(signer)
    return metadata.to_bytes()
