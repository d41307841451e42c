"""What a list of allowed builders must keep beside the roles of its distribution: no key in both, no count in vain.

A count that nobody can reach, or that is asked for a channel that is not there, would be signed and then lock every
client out, or ask nothing. Pure: works on documents whose signatures others have verified.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.recipe.channel_gates import ReproducedGate
from farm.recipe.gate_reading import MOST_WORKERS
from farm.trust.delegation import DelegationError, channels_of, identity_of, keys_by_role

if TYPE_CHECKING:
    from tuf.api.metadata import Root, Targets

    from farm.trust.builders import AllowedBuilders
    from farm.trust.signed_policy import SignedPolicy


class BuilderIsRoleError(DelegationError):
    """One key is to sign for packages and for metadata."""

    code = "builder-is-role"

    def __init__(self, keyid: str, role: str) -> None:
        super().__init__(
            f"the key {keyid} is an allowed builder and a key of {role}",
            remedy="A builder needs a key that is of no role, and a role keys that are no builder's: make another "
            "with `farm keys new`.",
        )


class UnknownRebuildsChannelError(DelegationError):
    """Builders are to agree on the packages of a channel that is not there."""

    code = "unknown-rebuilds-channel"

    def __init__(self, channel: str, known: tuple[str, ...]) -> None:
        super().__init__(
            f"builders are to agree on packages of {channel}, and there is no such channel",
            remedy=f"There are {', '.join(known) or 'none'}; a channel comes with --add-channel.",
        )


class TooManyRebuildsError(DelegationError):
    """More builders are to agree than a channel's policy can ever ask for."""

    code = "too-many-rebuilds"

    def __init__(self, channel: str, count: int) -> None:
        super().__init__(
            f"{count} builders are to agree on packages of {channel}; at most {MOST_WORKERS} can be asked for",
            remedy=f"Name 1 to {MOST_WORKERS}: --rebuilds {channel}=2.",
        )


class UnreachableRebuildsError(DelegationError):
    """More builders are to agree than are allowed, so that clients would refuse every package."""

    code = "unreachable-rebuilds"

    def __init__(self, channel: str, count: int, allowed: int) -> None:
        there = f"{allowed} builder{' is' if allowed == 1 else 's are'} allowed"
        super().__init__(
            f"{count} builders are to agree on packages of {channel}, and {there}: clients would take nothing",
            remedy="Allow more builders in the same draft (--allow-builder PUB; of one machine: `farm up --workers N`),"
            f" or ask fewer to agree: --rebuilds {channel}=N, or the gate reproduced of its policy.",
        )


class SignedPolicyError(DelegationError):
    """A policy is to be signed that the rest of targets contradicts."""

    code = "signed-policy"


def check_policy(policy: SignedPolicy | None, builders: AllowedBuilders, targets: Targets) -> None:
    """Refuse a policy that cannot be followed, or that no release could pass.

    Raises `DelegationError`, `InvalidSignedPolicyError`.
    """
    if policy is None:
        return
    for name, channel in policy.policies.policies.items():
        if name not in channels_of(targets):
            raise SignedPolicyError(
                f"the policy has a channel {name}, and there is no role for it",
                remedy=f"Add it in the same draft with --add-channel {name}, or remove its file.",
            )
        for gate in channel.gates:
            if isinstance(gate, ReproducedGate) and gate.agree > max(1, len(builders)):
                raise UnreachableRebuildsError(name, gate.agree, len(builders))


def check_builders(builders: AllowedBuilders, root: Root, targets: Targets) -> None:
    """Refuse a builder's key that is of a role too, and counts of builders that cannot be. Raises `DelegationError`."""
    holders = {identity_of(key): role for role, key in keys_by_role(root, targets)}
    for keyid, key in sorted(builders.items()):
        if role := holders.get(identity_of(key)):
            raise BuilderIsRoleError(keyid, role)
    channels = channels_of(targets)
    for channel, count in sorted(builders.rebuilds.items()):
        if channel not in channels:
            raise UnknownRebuildsChannelError(channel, channels)
        if count > MOST_WORKERS:
            raise TooManyRebuildsError(channel, count)
        if count > max(1, len(builders)):
            raise UnreachableRebuildsError(channel, count, len(builders))
