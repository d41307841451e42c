"""The first ceremony: the keys of a distribution, and the first version of all its metadata.

Offline keys (root, targets) and online keys (snapshot, timestamp, one for each channel) go to folders of their own;
the offline folder is meant to be carried away once this is done.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.errors import FarmError
from farm.names import Digest
from farm.trust import roles
from farm.trust.builders import builders_document
from farm.trust.keys import create_key, load_key
from farm.trust.layout import BUILDERS_TARGET
from farm.trust.repository import Repository

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from securesystemslib.signer import Key, Signer


class CeremonyError(FarmError):
    """Keys or metadata are there already, or what the ceremony needs is not."""

    code = "ceremony"


@dataclass(frozen=True, slots=True)
class Founded:
    """What came of the ceremony: the root metadata's digest, which subscribers pin, and where the keys lie."""

    fingerprint: Digest
    offline: Path
    online: Path


def found_repository(
    root: Path, keys: Path, channels: Sequence[str], builders: Sequence[Key], now: datetime
) -> Founded:
    """Make all keys below `keys`, and version 1 of all metadata below `root`; `builders` are the workers' keys.

    Raises `CeremonyError` when either is there already: nothing is ever overwritten.
    """
    repository = Repository(root)
    if repository.exists():
        raise CeremonyError(
            f"{root} holds a published repository already", remedy="Name another directory, or keep the keys you have."
        )
    if not channels or set(channels) & {*roles.OFFLINE_ROLES, *roles.ONLINE_ROLES}:
        raise CeremonyError("a repository needs at least one channel, and none may have the name of a TUF role")
    offline, online = keys / "offline", keys / "online"
    signers: dict[str, Signer] = {}
    for folder, names in ((offline, roles.OFFLINE_ROLES), (online, (*roles.ONLINE_ROLES, *channels))):
        for role in names:
            path = folder / role
            # A ceremony that was cut off goes on with the keys it had made.
            signers[role] = load_key(path) if path.exists() else create_key(path)
    now = now.replace(microsecond=0)
    allowed = builders_document(builders)
    public = {role: signer.public_key for role, signer in signers.items()}
    root_metadata = roles.signed(roles.new_root(public, now), signers["root"])
    targets = roles.new_targets({channel: public[channel] for channel in channels}, allowed, now)
    repository.write_target(BUILDERS_TARGET, allowed)
    repository.write_metadata("1.root.json", root_metadata)
    repository.write_metadata("1.targets.json", roles.signed(targets, signers["targets"]))
    for channel in channels:
        repository.write_metadata(f"1.{channel}.json", roles.signed(roles.new_channel(now), signers[channel]))
    snapshot = roles.new_snapshot(["targets", *channels], now)
    repository.write_metadata("1.snapshot.json", roles.signed(snapshot, signers["snapshot"]))
    repository.write_metadata("timestamp.json", roles.signed(roles.new_timestamp(now), signers["timestamp"]))
    return Founded(Digest.of(root_metadata), offline, online)


def allow_more_builders(repository: Repository, keys: Path, builders: Sequence[Key], now: datetime) -> int:
    """Add builders to the signed list; return how many were new. Needs the key of targets below `keys`/offline.

    Raises `KeyFileError`, `RepositoryStateError`.
    """
    known = repository.builders()
    new = [key for key in builders if key.keyid not in known]
    if new:
        signers = {"targets": load_key(keys / "offline" / "targets"), **online_signers(keys / "online")}
        repository.allow_builders(builders_document([*known.values(), *new]), signers, now)
    return len(new)


def online_signers(folder: Path) -> roles.Signers:
    """Read the online keys of a signer process: every private key in `folder`, by role name."""
    return {path.name: load_key(path) for path in sorted(folder.iterdir()) if path.suffix != ".pub"}
