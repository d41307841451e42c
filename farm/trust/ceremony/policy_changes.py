"""What a signed policy changes against the one before, in words for key holders."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import unified_diff
from types import MappingProxyType
from typing import TYPE_CHECKING

from farm.core.policy.owners import OWNERS
from farm.core.policy.strictness import laxer_owners, weaker_settings
from farm.errors import FarmError
from farm.trust.metadata.step_texts import coming_steps

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from farm.core.names.digest import Digest
    from farm.core.policy.policies import Policies
    from farm.trust.metadata.signed_policy import SignedPolicy, SignedToolchain, StepTexts

_NO_TEXTS: StepTexts = MappingProxyType({})


def policy_changes(now: SignedPolicy | None, before: SignedPolicy | None, steps: StepTexts = _NO_TEXTS) -> list[str]:
    """Return one line for each change: first what would be laxer, then what changes in the texts.

    `steps` are texts of libraries of steps, as far as they are available.
    """
    if now == before:
        return []
    if now is None:
        return ["there is no signed policy any more: the signer would take the farm's word for all gates"]
    if before is None:
        return ["a policy is signed for the first time", *_changes(now, None)]
    coming = [_NewSteps.of(digest, before, steps) for digest in coming_steps(now, before)]
    shown = [line for library in coming for line in library.lines()]
    return [*_laxer(now, before), *(library.warning() for library in coming), *_changes(now, before, shown)]


def _laxer(now: SignedPolicy, before: SignedPolicy) -> Iterator[str]:
    try:
        wanted, signed = now.policies, before.policies
    except FarmError as error:
        yield f"CANNOT TELL WHETHER LAXER: {error.message}"
        return
    for name, policy in wanted.policies.items():
        if (old := signed.policies.get(name)) is not None:
            yield from (
                f"LAXER: {name}: {change}" for change in weaker_settings(policy, old, wanted.curators, signed.curators)
            )
    yield from (f"LAXER: {OWNERS}: {change}" for change in laxer_owners(wanted, signed))
    yield from _newcomers(wanted, signed)
    yield from _taken_of(now, before)


def _taken_of(now: SignedPolicy, before: SignedPolicy) -> Iterator[str]:
    try:
        wanted, signed = now.distributions, before.distributions
    except FarmError as error:
        yield f"CANNOT TELL WHETHER LAXER: {error.message}"
        return
    for name, other in wanted.items():
        old = signed.get(name)
        if old is None or (old.channel, old.root) != (other.channel, other.root):
            yield f"LAXER: packages of {name}/{other.channel} may be taken, under the root {other.root}"


def _newcomers(now: Policies, before: Policies) -> Iterator[str]:
    for group, people in sorted(now.curators.items()):
        known = before.curators.get(group, {})
        for name in sorted(people):
            if known.get(name) != people[name]:
                yield f"LAXER: {name} is in the group {group} with the key {people[name][:16]}…"


def _changes(now: SignedPolicy, before: SignedPolicy | None, steps: Iterable[str] = ()) -> Iterator[str]:
    yield from _differences(now.files, before.files if before else {})
    yield from _toolchains(now.toolchains, before.toolchains if before else ())
    yield from steps
    old_steps = before.steps if before else ()
    if old_steps and now.steps and now.steps[0] in old_steps[1:]:
        yield f"the steps {now.steps[0]} are the newest from then on"
    yield from (f"the steps {digest} are accepted" for digest in now.steps if digest not in old_steps)
    yield from (f"the steps {digest} are no longer accepted" for digest in old_steps if digest not in now.steps)


@dataclass(frozen=True, slots=True)
class _NewSteps:
    """A library of steps to be accepted, with the files in which it differs from the newest one before."""

    digest: Digest
    texts: Mapping[str, str] | None
    before: Mapping[str, str] | None

    @classmethod
    def of(cls, digest: Digest, before: SignedPolicy, steps: StepTexts) -> _NewSteps:
        return cls(digest, steps.get(digest), steps.get(before.steps[0]) if before.steps else {})

    def warning(self) -> str:
        # Whether a script is stricter cannot be decided: so the signer has to read it.
        warning = "MAY BE LAXER: the steps change, which run in every build: "
        if self.texts is None:
            return f"{warning}{self.digest}, whose files are not available"
        old = self.before or {}
        paths = sorted(path for path in {*self.texts, *old} if self.texts.get(path) != old.get(path))
        return warning + ", ".join(paths) + (" (the previous files are not available)" if self.before is None else "")

    def lines(self) -> Iterator[str]:
        if self.texts is not None:
            yield from _differences(self.texts, self.before or {})


def _differences(now: Mapping[str, str], before: Mapping[str, str]) -> Iterator[str]:
    for path in sorted({*now, *before}):
        old, new = before.get(path, ""), now.get(path, "")
        if old != new:
            yield f"{path}:"
            diff = list(unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=1))[2:]
            yield from (f"  {line}" for line in diff)


def _toolchains(now: tuple[SignedToolchain, ...], before: tuple[SignedToolchain, ...]) -> Iterator[str]:
    for toolchain in now:
        if toolchain not in before:
            yield f"the toolchain {toolchain.name} {toolchain.tree}, made from the lock {toolchain.lock}, is accepted"
    for toolchain in before:
        if toolchain not in now:
            label = f"{toolchain.name} {toolchain.tree}"
            yield f"the toolchain {label} is no longer accepted: what was built in it is not released"
