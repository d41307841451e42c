"""What a signed policy changes against the one before, in words that a key holder can decide by."""

from __future__ import annotations

from difflib import unified_diff
from typing import TYPE_CHECKING

from farm.errors import FarmError
from farm.recipe.owners import OWNERS
from farm.recipe.strictness import laxer, laxer_owners

if TYPE_CHECKING:
    from collections.abc import Iterator

    from farm.recipe.policies import Policies
    from farm.trust.signed_policy import SignedPolicy, SignedToolchain


def policy_changes(now: SignedPolicy | None, before: SignedPolicy | None) -> list[str]:
    """Return one line for each change: first what would be laxer, then what changes in the texts."""
    if now == before:
        return []
    if now is None:
        return ["there is no signed policy any more: the signer would take the farm's word for all gates"]
    if before is None:
        return ["a policy is signed for the first time", *_changes(now, None)]
    return [*_laxer(now, before), *_changes(now, before)]


def _laxer(now: SignedPolicy, before: SignedPolicy) -> Iterator[str]:
    try:
        wanted, signed = now.policies, before.policies
    except FarmError as error:
        yield f"LAXER OR NOT CANNOT BE SAID: {error.message}"
        return
    for name, policy in wanted.policies.items():
        if (old := signed.policies.get(name)) is not None:
            yield from (f"LAXER: {name}: {told}" for told in laxer(policy, old, wanted.curators, signed.curators))
    yield from (f"LAXER: {OWNERS}: {told}" for told in laxer_owners(wanted, signed))
    yield from _newcomers(wanted, signed)
    yield from _taken_of(now, before)


def _taken_of(now: SignedPolicy, before: SignedPolicy) -> Iterator[str]:
    try:
        wanted, signed = now.distributions, before.distributions
    except FarmError as error:
        yield f"LAXER OR NOT CANNOT BE SAID: {error.message}"
        return
    for name, each in wanted.items():
        old = signed.get(name)
        if old is None or (old.channel, old.root) != (each.channel, each.root):
            yield f"LAXER: packages of {name}/{each.channel} may be taken, under the root {each.root}"


def _newcomers(now: Policies, before: Policies) -> Iterator[str]:
    for group, people in sorted(now.curators.items()):
        known = before.curators.get(group, {})
        for name in sorted(people):
            if known.get(name) != people[name]:
                yield f"LAXER: {name} is in the group {group} with the key {people[name][:16]}…"


def _changes(now: SignedPolicy, before: SignedPolicy | None) -> Iterator[str]:
    old_files = before.files if before else {}
    for path in sorted({*now.files, *old_files}):
        old, new = old_files.get(path, ""), now.files.get(path, "")
        if old != new:
            yield f"{path}:"
            diff = list(unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=1))[2:]
            yield from (f"  {line}" for line in diff)
    yield from _toolchains(now.toolchains, before.toolchains if before else ())
    old_steps = before.steps if before else ()
    yield from (f"the steps {digest} are accepted" for digest in now.steps if digest not in old_steps)
    yield from (f"the steps {digest} are no longer accepted" for digest in old_steps if digest not in now.steps)


def _toolchains(now: tuple[SignedToolchain, ...], before: tuple[SignedToolchain, ...]) -> Iterator[str]:
    for each in now:
        if each not in before:
            yield f"the toolchain {each.name} {each.tree}, made from the lock {each.lock}, is accepted"
    for each in before:
        if each not in now:
            yield f"the toolchain {each.name} {each.tree} is no longer accepted: what was built in it is not released"
