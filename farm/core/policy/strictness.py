"""Comparing the strictness of policies: a file may require more than what is signed, and never less."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, get_args

from farm.core.policy.channel import Rebuild
from farm.core.policy.gate_kind import gate_key
from farm.core.policy.gates.approvals import ApprovalsGate
from farm.core.policy.owners import OWNERS, read_owners

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from farm.core.policy.channel import ChannelPolicy
    from farm.core.policy.policies import Policies

_REBUILDS: tuple[Rebuild, ...] = get_args(Rebuild)
"""Each is stricter than the one before."""


def as_strict_as_signed(written: Policies, signed: Policies) -> Policies:
    """Return the policies that count, given those in files and those that are signed.

    A channel whose file requires less continues with its signed policy. Curators are those that both name with the same
    key. A channel without a signed policy waits.
    """
    curators = {
        group: {name: key for name, key in people.items() if signed.curators.get(group, {}).get(name) == key}
        for group, people in written.curators.items()
    }
    policies, troubles, unsigned = {}, dict(written.troubles), {}
    for name, policy in written.policies.items():
        own = signed.policies.get(name)
        if own is None:
            troubles[name] = (f"channels/{name}.yaml: no policy is signed for this channel yet. {_SIGN}",)
            continue
        lines = tuple(weaker_settings(policy, own, curators, signed.curators))
        policies[name] = own if lines else policy
        lines += _left_out(policy, written.curators, curators)
        if lines:
            unsigned[name] = tuple(f"channels/{name}.yaml asks for less than what is signed: {line}" for line in lines)
    troubles = dict(sorted(troubles.items()))
    counted = replace(written, policies=policies, curators=curators, troubles=troubles, unsigned=unsigned)
    return _signed_owners(counted, written.curators, signed)


_SIGN = "Draft it with `farm keys draft targets --policy RECIPES`, and have it signed."


def _signed_owners(counted: Policies, people: Mapping[str, Mapping[str, str]], signed: Policies) -> Policies:
    """Apply the signed owners, unless the file has the same lines with fewer people."""
    if counted.owners_troubles or signed.owners is None:
        return replace(counted, owners_people=people)
    if counted.owners is None:
        why = f"{OWNERS}: the file is gone: what is signed counts. Put it back."
    elif not laxer_owners(replace(counted, curators=people), signed):
        return replace(counted, owners_people=people)
    else:
        why = f"{OWNERS} has other lines or people than are signed: what is signed counts. {_SIGN}"
    return replace(counted, owners=signed.owners, owners_people=signed.curators, owners_unsigned=why)


def laxer_owners(wanted: Policies, signed: Policies) -> tuple[str, ...]:
    """Return how `OWNERS` is laxer than a signed one, each point as a phrase; empty when it is not.

    Other lines may decide about other names, so a file with other lines counts as laxer. Raises `RecipeError`.
    """
    if signed.owners is None:
        return ()
    if wanted.owners is None:
        return ("nobody owns any recipe any more",)
    rules = read_owners(wanted.owners.encode(), wanted.curators).rules
    limits = read_owners(signed.owners.encode(), signed.curators).rules
    if [rule.pattern for rule in rules] != [limit.pattern for limit in limits]:
        return (_other_lines([rule.pattern for rule in rules], [limit.pattern for limit in limits]),)
    return tuple(
        f"{rule.pattern} is owned by {name} too, with the key {key[:16]}…"
        for rule, limit in zip(rules, limits, strict=True)
        for name, key in sorted(rule.people.items() - limit.people.items())
    )


def _other_lines(wanted: list[str], signed: list[str]) -> str:
    new, gone = sorted(set(wanted) - set(signed)), sorted(set(signed) - set(wanted))
    changes = [f"{which} {', '.join(some)}"[:500] for which, some in (("new", new), ("gone", gone)) if some]
    return f"other lines decide who owns what ({'; '.join(changes) or 'another order'})"


def _left_out(
    policy: ChannelPolicy, written: Mapping[str, Mapping[str, str]], counted: Mapping[str, Mapping[str, str]]
) -> tuple[str, ...]:
    groups = [gate.of for gate in policy.gates if isinstance(gate, ApprovalsGate)]
    return tuple(
        f"{name} is in the group {group} with a key that is not signed"
        for group in groups
        for name in sorted(written.get(group, {}).keys() - counted.get(group, {}).keys())
    )


def weaker_settings(
    wanted: ChannelPolicy,
    signed: ChannelPolicy,
    groups: Mapping[str, Mapping[str, str]],
    signed_groups: Mapping[str, Mapping[str, str]],
) -> Iterator[str]:
    """Yield how a policy is laxer than a signed one, each point as a phrase; nothing when it is not.

    The groups are the curators (public keys by name, by group) that each policy uses. How often a channel releases
    makes nothing laxer.
    """
    if wanted.from_channel != signed.from_channel:
        yield f"it takes {_source(wanted)} instead of {_source(signed)}"
    if _REBUILDS.index(wanted.rebuild) < _REBUILDS.index(signed.rebuild):
        yield f"it rebuilds {wanted.rebuild} instead of {signed.rebuild}"
    together = {frozenset(transition.packages) for transition in wanted.transitions}
    for transition in signed.transitions:
        if not any(set(transition.packages) <= packages for packages in together):
            yield f"the transition {transition.name} is missing"
    gates = {gate.kind: gate for gate in wanted.gates}
    for gate in signed.gates:
        found = gates.get(gate.kind)
        if found is None:
            yield f"the gate {gate_key(gate.kind)} is missing"
            continue
        difference = found.laxer_than(gate)
        if not difference and isinstance(found, ApprovalsGate) and isinstance(gate, ApprovalsGate):
            difference = found.unsigned_people(gate, groups, signed_groups)
        if difference:
            yield f"the gate {gate_key(gate.kind)}: {difference}"


def _source(policy: ChannelPolicy) -> str:
    return f"what {policy.from_channel} has released" if policy.from_channel else "fresh builds"
