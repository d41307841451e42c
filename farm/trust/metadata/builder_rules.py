"""What a list of allowed builders and testers must keep beside the roles: no key in both, no count in vain.

A count that nobody can reach, or that is asked for a channel that is not there, would be signed and then lock every
client out, or keep every release back, or ask nothing. Pure: works on documents whose signatures others have verified.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.core.policy.channel_gates import AbiGate, ReproducedGate, TestsGate
from farm.core.policy.gate_reading import MOST_WORKERS
from farm.trust.metadata.delegation import DelegationError, channels_of, identity_of, keys_by_role

if TYPE_CHECKING:
    from tuf.api.metadata import Root, Targets

    from farm.trust.metadata.builders import AllowedBuilders
    from farm.trust.metadata.signed_policy import SignedPolicy


class BuilderIsRoleError(DelegationError):
    """One key is to sign for packages, or for tests of them, and for metadata."""

    code = "builder-is-role"

    def __init__(self, keyid: str, role: str, what: str = "builder") -> None:
        super().__init__(
            f"the key {keyid} is an allowed {what} and a key of {role}",
            remedy=f"A {what} needs a key that is of no role, and a role keys that are no {what}'s: make another "
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


class UnknownTestsChannelError(DelegationError):
    """Testers are to agree on the tests of a channel that is not there."""

    code = "unknown-tests-channel"

    def __init__(self, channel: str, known: tuple[str, ...]) -> None:
        super().__init__(
            f"testers are to agree on tests of {channel}, and there is no such channel",
            remedy=f"There are {', '.join(known) or 'none'}; a channel comes with --add-channel.",
        )


class UnreachableTestsError(DelegationError):
    """More testers are to agree than are listed, so that nothing would ever be released."""

    code = "unreachable-tests"

    def __init__(self, channel: str, count: int, listed: int) -> None:
        there = f"{listed} tester{' is' if listed == 1 else 's are'} listed"
        super().__init__(
            f"{count} testers are to agree on tests of {channel}, and {there}: nothing could be released",
            remedy=f"List more testers in the same draft (--allow-tester PUB), or ask fewer: --tests {channel}=N.",
        )


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
            if isinstance(gate, TestsGate | AbiGate) and not builders.testers:
                what = "tests" if isinstance(gate, TestsGate) else "comparisons of interfaces"
                raise SignedPolicyError(
                    f"the policy of {name} asks for {what}, and nobody is listed whose results count",
                    remedy="List testers in the same draft: --allow-tester PUB.",
                )
            if isinstance(gate, ReproducedGate) and gate.agree > max(1, len(builders)):
                raise UnreachableRebuildsError(name, gate.agree, len(builders))


def check_builders(builders: AllowedBuilders, root: Root, targets: Targets) -> None:
    """Refuse a builder's or tester's key that is of a role too, and counts of them that cannot be.

    Raises `DelegationError`.
    """
    holders = {identity_of(key): role for role, key in keys_by_role(root, targets)}
    for what, keys in (("builder", builders), ("tester", builders.testers or {})):
        for keyid, key in sorted(keys.items()):
            if role := holders.get(identity_of(key)):
                raise BuilderIsRoleError(keyid, role, what)
    roles = {key.keyval["public"]: role for role, key in keys_by_role(root, targets)}
    for name, public in sorted(builders.operators.items()):
        if role := roles.get(public):
            raise BuilderIsRoleError(name, role, "operator")
    channels = channels_of(targets)
    _check_rebuilds(builders, channels)
    _check_tests(builders, channels)


def _check_rebuilds(builders: AllowedBuilders, channels: tuple[str, ...]) -> None:
    for channel, count in sorted(builders.rebuilds.items()):
        if channel not in channels:
            raise UnknownRebuildsChannelError(channel, channels)
        if count > MOST_WORKERS:
            raise TooManyRebuildsError(channel, count)
        if count > max(1, len(builders)):
            raise UnreachableRebuildsError(channel, count, len(builders))


def _check_tests(builders: AllowedBuilders, channels: tuple[str, ...]) -> None:
    listed = len(builders.testers or ())
    for channel, count in sorted(builders.tests.items()):
        if channel not in channels:
            raise UnknownTestsChannelError(channel, channels)
        if count > max(1, listed):
            raise UnreachableTestsError(channel, count, listed)
