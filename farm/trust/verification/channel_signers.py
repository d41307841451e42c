"""The keys behind a channel, for people: its root, the keys of its role, and since when builders count.

Reads what `ChannelMetadata` has verified and stored. Only older lists of builders are fetched: no decision depends on
them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root, Targets

from farm.trust.blob_limits import read_limited
from farm.trust.layout import BUILDERS_TARGET, METADATA, TARGETS, hashed_path
from farm.trust.metadata.builders import AllowedBuilders, read_builders
from farm.trust.metadata.builders_in_force import allowed_since
from farm.trust.metadata.delegation import accepts, role_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from securesystemslib.signer import Key

    from farm.trust.verification.client_metadata import RepositoryReader

_MOST_BYTES = 1 << 20
_MOST_VERSIONS = 100
"""How many versions of targets are read, back from the newest."""


@dataclass(frozen=True, slots=True)
class ChannelSigners:
    """The keys that may sign a channel, how many of them have to, and the metadata that says so.

    `root` and `targets` are versions. `builders` are those allowed, by key id; `since` has for each the version of
    targets since which it has been allowed without a break, None if that is unknown.
    """

    root: int
    targets: int
    keys: tuple[Key, ...]
    threshold: int
    builders: Mapping[str, Key]
    since: Mapping[str, int | None]


def read_signers(state: Path, reader: RepositoryReader, channel: str) -> ChannelSigners:
    """Return the keys behind a channel whose metadata was verified and is stored in `state`.

    Raises `DelegationError` for an unknown channel, `OSError` if nothing is stored.
    """
    root: Root = _kept(state / "root.json")
    targets: Targets = _kept(state / "targets.json")
    role = role_of(targets, channel)
    keys = targets.delegations.keys if targets.delegations else {}
    now = read_builders((state / "targets" / targets.targets[BUILDERS_TARGET].hashes["sha256"]).read_bytes())
    roots = [root, *map(_kept, (state / "root_history").glob("*.root.json"))]
    versions = range(targets.version, max(0, targets.version - 1 - _MOST_VERSIONS), -1)
    return ChannelSigners(
        root=root.version,
        targets=targets.version,
        keys=tuple(keys[keyid] for keyid in sorted(role.keyids)),
        threshold=role.threshold,
        builders=now,
        since=allowed_since(now, versions, lambda version: _list_of(reader, roots, version)),
    )


def role_keys(state: Path, channel: str) -> dict[str, Key]:
    """Return the keys that may sign a channel, by key id, from metadata that was verified and is stored in `state`.

    Raises as `read_signers`.
    """
    targets: Targets = _kept(state / "targets.json")
    keys = targets.delegations.keys if targets.delegations else {}
    return {keyid: keys[keyid] for keyid in role_of(targets, channel).keyids}


def _kept(path: Path) -> Any:
    metadata: Metadata[Any] = Metadata.from_file(str(path))
    return metadata.signed


def _list_of(reader: RepositoryReader, roots: Sequence[Root], version: int) -> AllowedBuilders:
    """Return the list of builders of a version of targets that one of these roots accepts."""
    metadata: Metadata[Targets] = Metadata.from_bytes(_read(reader, f"{METADATA}/{version}.targets.json"))
    if metadata.signed.version != version or not any(accepts(root, Targets.type, metadata) for root in roots):
        raise RepositoryError(f"version {version} of targets is not signed")
    target = metadata.signed.targets[BUILDERS_TARGET]
    content = _read(reader, f"{TARGETS}/{hashed_path(BUILDERS_TARGET, target.hashes['sha256'])}")
    target.verify_length_and_hashes(content)
    return read_builders(content)


def _read(reader: RepositoryReader, path: str) -> bytes:
    return read_limited(reader.stream(path), _MOST_BYTES, path)
