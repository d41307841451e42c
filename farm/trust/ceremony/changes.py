"""What a version of root or targets changes against the one before, in words for key holders."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuf.api.metadata import Root, Targets

from farm.core.names.digest import Digest
from farm.trust.ceremony.policy_changes import policy_changes
from farm.trust.layout import ADVISORIES
from farm.trust.metadata.builders import AllowedBuilders, read_builders
from farm.trust.metadata.delegation import TOP_ROLES, delegated_roles
from farm.trust.metadata.key_names import KeyNames
from farm.trust.metadata.signed_policy import read_policy

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from securesystemslib.signer import Key
    from tuf.api.metadata import Role

    from farm.trust.ceremony.draft import Draft
    from farm.trust.metadata.signed_policy import SignedPolicy

NAMELESS = KeyNames()


def changes_of(draft: Draft, names: KeyNames = NAMELESS) -> list[str]:
    """Return one line for each change, then how long it would be valid, and the root that it is based on.

    `names` are the reader's names for keys.
    """
    now, before = draft.metadata.signed, draft.previous.signed if draft.previous else None
    if isinstance(now, Root):
        lines = list(_root(now, before if isinstance(before, Root) else None, names))
    else:
        lines = list(_targets(now, before if isinstance(before, Targets) else None, names))
        lines += _builders(draft.builders, draft.builders_before, names)
        lines += policy_changes(_policy(draft.builders), _policy(draft.builders_before), draft.steps)
    if not lines:
        lines = ["nothing but the time until which it is valid"]
    until = now.expires.strftime("%Y-%m-%d")
    lines.append(f"valid until {until}" + (f" (before: {before.expires.strftime('%Y-%m-%d')})" if before else ""))
    return [*lines, *_rests_on(draft)]


def _rests_on(draft: Draft) -> Iterator[str]:
    # The author of the draft may have forged that root, and with it the version before: a machine whose key has not
    # signed yet cannot notice that, its owner can.
    if root := draft.rests_on:
        print_of = Digest.of(root.to_bytes())
        yield f"rests on root version {root.signed.version} with the fingerprint {print_of}: sign only if it is yours"


def _root(now: Root, before: Root | None, names: KeyNames) -> Iterator[str]:
    for name in TOP_ROLES:
        yield from _role(
            name,
            (now.roles[name], now.keys),
            (before.roles[name], before.keys) if before and name in before.roles else None,
            names,
        )


def _targets(now: Targets, before: Targets | None, names: KeyNames) -> Iterator[str]:
    old = delegated_roles(before) if before else ()
    for name in sorted({*delegated_roles(now), *old}):
        what = name if name == ADVISORIES else f"channel {name}"
        if name not in delegated_roles(now):
            yield f"{what} is removed: clients of it are refused from then on"
            continue
        was = _delegation(before, name) if before and name in old else None
        if was is None:
            yield f"{what} is new"
        yield from _role(what, _delegation(now, name), was, names)


def _delegation(targets: Targets, name: str) -> tuple[Role, Mapping[str, Key]]:
    if targets.delegations is None or targets.delegations.roles is None:
        raise KeyError(name)
    return targets.delegations.roles[name], targets.delegations.keys


def _role(
    name: str, now: tuple[Role, Mapping[str, Key]], before: tuple[Role, Mapping[str, Key]] | None, names: KeyNames
) -> Iterator[str]:
    (role, keys), old = now, before[0].keyids if before else []
    for keyid in role.keyids:
        if keyid not in old:
            yield f"{name}: the key {_describe(keys.get(keyid), keyid, names)} is added"
    for keyid in old:
        if keyid not in role.keyids:
            yield f"{name}: the key {_describe(before[1].get(keyid) if before else None, keyid, names)} is removed"
    if before is None or before[0].threshold != role.threshold:
        was = f" (before: {before[0].threshold})" if before else ""
        yield f"{name}: {role.threshold} of its {len(role.keyids)} keys must sign{was}"


def _builders(now: str, before: str, names: KeyNames) -> Iterator[str]:
    new, old = _listed(now), _listed(before)
    yield from (f"the builder {key} is allowed" for key in _described(new, old, names))
    for key in _described(old, new, names):
        yield f"the builder {key} is no longer allowed: what it built is refused from then on"
    for channel in sorted({*new.rebuilds, *old.rebuilds}):
        if (count := new.needed(channel)) != old.needed(channel):
            yield f"{count} builders must agree on a package of {channel} (before: {old.needed(channel)})"
    yield from _testers(new, old, names)
    yield from _operators(new.operators, old.operators)
    yield from (f"the key {key} signs previews" for key in _described(new.previews, old.previews, names))
    for key in _described(old.previews, new.previews, names):
        yield f"the key {key} signs previews no longer: clients refuse those that it has signed"


def _testers(now: AllowedBuilders, before: AllowedBuilders, names: KeyNames) -> Iterator[str]:
    new, old = now.testers, before.testers
    if new is None and old is not None:
        yield "testers are no longer listed: the test results of every enrolled worker count from then on"
    elif new is not None and old is None:
        yield "testers are listed from now on: the test results of no other worker count any more"
    new, old = new or {}, old or {}
    yield from (f"the tester {key} is listed" for key in _described(new, old, names))
    for key in _described(old, new, names):
        yield f"the tester {key} is no longer listed: its test results count no more"
    for channel in sorted({*now.tests, *before.tests}):
        if (count := now.testers_needed(channel)) != before.testers_needed(channel):
            yield f"{count} testers must agree on a test of {channel} (before: {before.testers_needed(channel)})"


def _operators(now: Mapping[str, str], before: Mapping[str, str]) -> Iterator[str]:
    for name in sorted({*now, *before}):
        if now.get(name) != before.get(name):
            yield (
                f"the operator {name} with the key {now[name][:16]}… may order what curators may"
                if name in now
                else f"the operator {name} may order nothing any more"
            )


def _policy(document: str) -> SignedPolicy | None:
    return read_policy(document.encode()) if document else None


def _listed(document: str) -> AllowedBuilders:
    return read_builders(document.encode()) if document else AllowedBuilders((), {})


def _described(keys: Mapping[str, Key], without: Mapping[str, Key], names: KeyNames) -> list[str]:
    return [_describe(keys[keyid], keyid, names) for keyid in sorted(keys.keys() - without.keys())]


def _describe(key: Key | None, keyid: str, names: KeyNames) -> str:
    return names.beside(key, f"{keyid[:16]}… ({key.scheme})" if key else f"{keyid[:16]}…")
