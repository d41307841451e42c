"""The rules for a list of builders, testers and preview keys: none is of a role, and every count can be reached.

A count that cannot be reached would lock out every client or stop every release; one for an unknown channel would have
no effect. Pure: works on documents whose signatures have been verified.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.core.policy.gates.reproduced import MOST_WORKERS, ReproducedGate
from farm.core.policy.gates.set_gates import AbiGate, TestsGate
from farm.trust.metadata.delegation import DelegationError, channels_of, identity_of, keys_by_role

if TYPE_CHECKING:
    from tuf.api.metadata import Root, Targets

    from farm.trust.metadata.builders import AllowedBuilders
    from farm.trust.metadata.signed_policy import SignedPolicy


class SignedPolicyError(DelegationError):
    """The policy to be signed contradicts the rest of targets."""

    code = "signed-policy"


def check_policy(policy: SignedPolicy | None, builders: AllowedBuilders, targets: Targets) -> None:
    """Refuse a policy that cannot be applied, or that no release could pass.

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
                    f"the policy of {name} requires {what}, and no testers are listed",
                    remedy="List testers in the same draft: --allow-tester PUB.",
                )
            if isinstance(gate, ReproducedGate) and gate.agree > max(1, len(builders)):
                raise _unreachable_rebuilds(name, gate.agree, len(builders))


def check_builders(builders: AllowedBuilders, root: Root, targets: Targets) -> None:
    """Refuse the key of a builder, a tester or of previews that has another purpose too, and unreachable counts.

    Raises `DelegationError`.
    """
    holders = {identity_of(key): role for role, key in keys_by_role(root, targets)}
    lists = (("builder", builders), ("tester", builders.testers or {}), ("signer of previews", builders.previews))
    for what, keys in lists:
        for keyid, key in sorted(keys.items()):
            if role := holders.get(identity_of(key)):
                raise _is_role(keyid, role, what)
    workers = {identity_of(key) for key in (*builders.values(), *(builders.testers or {}).values())}
    for keyid, key in sorted(builders.previews.items()):
        if identity_of(key) in workers or key.keyval["public"] in builders.operators.values():
            raise DelegationError(
                f"the key {keyid} signs previews and is a worker's or an operator's",
                "Previews need a key of their own: make one with `farm keys new`.",
                code="preview-key",
            )
    roles = {key.keyval["public"]: role for role, key in keys_by_role(root, targets)}
    for name, public in sorted(builders.operators.items()):
        if role := roles.get(public):
            raise _is_role(name, role, "operator")
    _check_counts(builders, channels_of(targets))


def _check_counts(builders: AllowedBuilders, channels: tuple[str, ...]) -> None:
    for channel, count in sorted(builders.rebuilds.items()):
        _check_known(channel, channels, "builders are to agree on packages", "unknown-rebuilds-channel")
        if count > MOST_WORKERS:
            raise DelegationError(
                f"{count} builders are to agree on packages of {channel}; at most {MOST_WORKERS} can be asked for",
                f"Name 1 to {MOST_WORKERS}: --rebuilds {channel}=2.",
                code="too-many-rebuilds",
            )
        if count > max(1, len(builders)):
            raise _unreachable_rebuilds(channel, count, len(builders))
    listed = len(builders.testers or ())
    for channel, count in sorted(builders.tests.items()):
        _check_known(channel, channels, "testers are to agree on tests", "unknown-tests-channel")
        if count > max(1, listed):
            there = f"{listed} tester{' is' if listed == 1 else 's are'} listed"
            raise DelegationError(
                f"{count} testers are to agree on tests of {channel}, and {there}: nothing could be released",
                f"List more testers in the same draft (--allow-tester PUB), or ask fewer: --tests {channel}=N.",
                code="unreachable-tests",
            )


def _check_known(channel: str, channels: tuple[str, ...], what: str, code: str) -> None:
    if channel not in channels:
        raise DelegationError(
            f"{what} of {channel}, and there is no such channel",
            f"There are {', '.join(channels) or 'none'}; a channel comes with --add-channel.",
            code=code,
        )


def _unreachable_rebuilds(channel: str, count: int, allowed: int) -> DelegationError:
    there = f"{allowed} builder{' is' if allowed == 1 else 's are'} allowed"
    return DelegationError(
        f"{count} builders are to agree on packages of {channel}, and {there}: clients would take nothing",
        "Allow more builders in the same draft (--allow-builder PUB; of one machine: `farm up --workers N`), or ask "
        f"fewer to agree: --rebuilds {channel}=N, or the gate reproduced of its policy.",
        code="unreachable-rebuilds",
    )


def _is_role(keyid: str, role: str, what: str) -> DelegationError:
    return DelegationError(
        f"the key {keyid} is an allowed {what} and a key of {role}",
        f"A {what} needs a key that is of no role, and a role keys that are no {what}'s: make another with `farm keys "
        "new`.",
        code="builder-is-role",
    )
