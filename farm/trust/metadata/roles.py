"""The roles of a repository and the lifetime of their metadata: TUF's four, one for each channel, and advisories."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from tuf.api.metadata import DelegatedRole, Delegations, Role, Root, TargetFile, Targets

from farm.trust.layout import ADVISORIES, ADVISORIES_PATTERN, BUILDERS_TARGET, release_target
from farm.trust.metadata.delegation import TOP_ROLES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from securesystemslib.signer import Key

LIFETIMES = {
    "root": timedelta(days=365),
    "targets": timedelta(days=365),
    "snapshot": timedelta(days=7),
    "timestamp": timedelta(hours=24),
}
DELEGATED_LIFETIME = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class RoleKeys:
    """The public keys of a role, and how many of them must sign."""

    keys: tuple[Key, ...]
    threshold: int = 1


def lifetime(role: str) -> timedelta:
    """Return how long metadata of this role is valid; a role that is not one of TUF's own is a delegated one."""
    return LIFETIMES.get(role, DELEGATED_LIFETIME)


def expiry(role: str, now: datetime) -> datetime:
    """Return when metadata of this role expires if it is signed now."""
    return (now + lifetime(role)).replace(microsecond=0)


def new_root(keys: Mapping[str, RoleKeys], now: datetime) -> Root:
    """Return version 1 of the root metadata."""
    return Root(
        expires=expiry("root", now),
        keys={key.keyid: key for held in keys.values() for key in held.keys},
        roles={role: Role([key.keyid for key in keys[role].keys], keys[role].threshold) for role in TOP_ROLES},
        consistent_snapshot=True,
    )


def new_targets(delegated: Mapping[str, RoleKeys], builders: bytes, now: datetime) -> Targets:
    """Return version 1 of the targets metadata: the builders that clients accept, and the delegated roles."""
    return Targets(
        expires=expiry("targets", now),
        targets={BUILDERS_TARGET: TargetFile.from_data(BUILDERS_TARGET, builders, ["sha256"])},
        delegations=Delegations(
            {key.keyid: key for held in delegated.values() for key in held.keys},
            {name: delegated_role(name, keys) for name, keys in sorted(delegated.items())},
        ),
    )


def delegated_role(name: str, keys: RoleKeys) -> DelegatedRole:
    """Return the delegation to a channel, or to advisories: its own targets and nothing else, and no further search."""
    pattern = ADVISORIES_PATTERN if name == ADVISORIES else release_target(name)
    return DelegatedRole(name, [key.keyid for key in keys.keys], keys.threshold, terminating=True, paths=[pattern])


def new_delegated(now: datetime) -> Targets:
    """Return version 1 of a delegated role's metadata: nothing signed yet."""
    return Targets(expires=expiry("", now))
