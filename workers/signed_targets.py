"""What the keys of targets have signed, as the control worker sees it: channels with a role, and the policy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.errors import FarmError
from farm.trust.layout import METADATA
from farm.trust.metadata.delegation import channels_of
from farm.trust.metadata.repository import Repository
from farm.trust.metadata.signed_policy import policy_in_force, who_may_order
from workers.channel_files import stamp_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from farm.trust.metadata.signed_policy import SignedPolicy
    from workers.channel_files import FileStamp

_NEWEST = f"{METADATA}/timestamp.json"


class SignedTargets:
    """Reads a published directory, which says what is signed: each time it is asked."""

    def __init__(self, repository: Path) -> None:
        self._repository = Repository(repository)

    def stamp(self) -> FileStamp:
        """Return what changes when something else has come to be signed."""
        return stamp_of(self._repository.root, _NEWEST)

    def channels(self) -> tuple[str, ...] | None:
        """Return the channels that a role signs for; None when the repository does not say."""
        try:
            return channels_of(self._repository.head().targets)
        except FarmError:
            return None

    def who_orders(self) -> Mapping[str, str] | None:
        """Return whose orders count, by name, with public keys; None while no policy is signed, so that none need be.

        Raises `FarmError` where that cannot be said.
        """
        policy = policy_in_force(self._repository)
        return None if policy is None else who_may_order(self._repository.builders(), policy)

    def policy(self) -> SignedPolicy | None:
        """Return the policy that is signed, None where none is. Raises `FarmError` when that cannot be said."""
        policy = policy_in_force(self._repository)
        if policy:
            _ = policy.policies  # its files are read here, for what is wrong in them to be told here
        return policy
