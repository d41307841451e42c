"""From what is published to the next version of root or targets; without changes, a renewal."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from tuf.api.metadata import DelegatedRole, Delegations, Metadata, Role, Root, TargetFile, Targets

from farm.trust.ceremony.draft import Draft, DraftError
from farm.trust.layout import ADVISORIES, BUILDERS_TARGET
from farm.trust.metadata.builder_rules import check_builders
from farm.trust.metadata.builders import builders_document, read_builders
from farm.trust.metadata.delegation import (
    TOP_ROLES,
    channels_of,
    check_channel_names,
    check_root,
    check_targets,
    delegated_roles,
)
from farm.trust.metadata.roles import RoleKeys, delegated_role, expiry
from farm.trust.metadata.signed_policy import read_policy
from farm.trust.metadata.step_texts import texts_to_show

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from securesystemslib.signer import Key

    from farm.trust.metadata.repository import Repository
    from farm.trust.metadata.signed_policy import SignedPolicy

LONGEST_LIFE = timedelta(days=3 * 365)


@dataclass(frozen=True, slots=True)
class RoleEdit:
    """What changes in the keys of one role. `remove` has key ids, or beginnings of them that name one key."""

    role: str = ""
    add: tuple[Key, ...] = ()
    remove: tuple[str, ...] = ()
    threshold: int | None = None

    @property
    def asks(self) -> bool:
        """Whether anything is to change."""
        return bool(self.add or self.remove or self.threshold is not None)


@dataclass(frozen=True, slots=True)
class TargetsEdit:
    """What changes in targets: delegated roles, the keys of one of them, builders and testers, how many must agree.

    An empty list of testers stays a list, by which no results count. `policy` replaces the signed policy; None keeps
    that. `allow_previews` are keys that sign previews. `operators` are names with public keys (64 hexadecimal digits).
    """

    keys: RoleEdit = RoleEdit()
    add_roles: tuple[tuple[str, RoleKeys], ...] = ()
    remove_channels: tuple[str, ...] = ()
    allow_builders: tuple[Key, ...] = ()
    remove_builders: tuple[str, ...] = ()
    rebuilds: tuple[tuple[str, int], ...] = ()
    allow_testers: tuple[Key, ...] = ()
    remove_testers: tuple[str, ...] = ()
    tests: tuple[tuple[str, int], ...] = ()
    policy: SignedPolicy | None = None
    operators: tuple[tuple[str, str], ...] = ()
    remove_operators: tuple[str, ...] = ()
    allow_previews: tuple[Key, ...] = ()
    remove_previews: tuple[str, ...] = ()


def draft_root(
    repository: Repository, edit: RoleEdit, now: datetime, *, days: int | None = None, start: Draft | None = None
) -> Draft:
    """Return the next root, with the keys of one role changed; on top of an unsigned draft, if `start` is one.

    Raises `DraftError`, `DelegationError`, `RepositoryStateError`.
    """
    head = repository.head()
    current: Metadata[Any] = Metadata.from_bytes(repository.read_metadata(f"{head.root.version}.root.json"))
    root: Root = _copy(_base(start, "root", current))
    role = edit.role or "root"
    if role not in TOP_ROLES:
        raise DraftError(
            f"root has no role {role}",
            remedy=f"Name one of {', '.join(TOP_ROLES)}; keys of channels are in targets: `farm keys draft targets`.",
        )
    _edit(root.roles[role], root.keys, edit, role)
    used = {keyid for holders in root.roles.values() for keyid in holders.keyids}
    root.keys = {keyid: key for keyid, key in root.keys.items() if keyid in used}
    root.version = current.signed.version + 1
    root.expires = _expires("root", now, days)
    check_root(root)
    check_targets(head.targets, root)  # no key of a channel may be one of root's
    check_builders(repository.builders(), root, head.targets)
    return Draft(metadata=Metadata(root), previous=current)


def draft_targets(
    repository: Repository,
    edit: TargetsEdit,
    now: datetime,
    *,
    days: int | None = None,
    start: Draft | None = None,
    coming: Draft | None = None,
) -> Draft:
    """Return the next targets; `coming` is a draft of root whose keys of targets are to sign too.

    Raises `DraftError`, `DelegationError`, `RepositoryStateError`.
    """
    head = repository.head()
    version = head.targets.version
    current: Metadata[Any] = Metadata.from_bytes(repository.read_metadata(f"{version}.targets.json"))
    root: Metadata[Root] = Metadata.from_bytes(repository.read_metadata(f"{head.root.version}.root.json"))
    before = repository.builders_document(head).decode()
    targets: Targets = _copy(_base(start, "targets", current))
    _edit_roles(targets, edit)
    builders = _edit_builders(start.builders if start else before, edit, channels_of(targets))
    targets.targets[BUILDERS_TARGET] = TargetFile.from_data(BUILDERS_TARGET, builders.encode(), ["sha256"])
    targets.version = version + 1
    targets.expires = _expires("targets", now, days)
    policy = read_policy(builders.encode())
    known = {**(start.steps if start else {}), **(edit.policy.written if edit.policy else {})}
    draft = Draft(
        metadata=Metadata(targets),
        previous=current,
        root=root,
        coming=coming.metadata if coming else None,
        builders=builders,
        builders_before=before,
        steps=texts_to_show(repository, policy, read_policy(before.encode()), known),
    )
    draft.check()
    return draft


def _base(start: Draft | None, role: str, current: Metadata[Any]) -> Any:
    if start is None:
        return current.signed
    if start.role != role or start.version != current.signed.version + 1:
        raise DraftError(
            f"the existing draft is version {start.version} of {start.role}, not {current.signed.version + 1} of "
            f"{role}",
            remedy="Name another file with --out, or remove that one.",
        )
    if start.metadata.signatures:
        raise DraftError(
            f"the draft of version {start.version} of {role} has been signed already: it can no longer be changed",
            remedy="Publish it first, or draft into another file with --out.",
        )
    return start.metadata.signed


def _copy(document: Any) -> Any:
    # Through its bytes: the dictionaries of python-tuf share lists with the document.
    return Metadata.from_bytes(Metadata(document).to_bytes()).signed


def _expires(role: str, now: datetime, days: int | None) -> datetime:
    if days is None:
        return expiry(role, now)
    if not 1 <= days <= LONGEST_LIFE.days:
        raise DraftError(f"metadata cannot be valid for {days} days", remedy=f"Name 1 to {LONGEST_LIFE.days} days.")
    return (now + timedelta(days=days)).replace(microsecond=0)


def _edit(role: Role, keys: dict[str, Key], edit: RoleEdit, name: str) -> None:
    for wanted in edit.remove:
        role.keyids.remove(_find(wanted, role.keyids, f"key of {name}"))
    for key in edit.add:
        if key.keyid in role.keyids:
            raise DraftError(f"the key {key.keyid} is of {name} already", remedy="Name another key.")
        keys[key.keyid] = key
        role.keyids.append(key.keyid)
    threshold = role.threshold if edit.threshold is None else edit.threshold
    if threshold < 1:
        raise DraftError(f"{name} cannot need {threshold} signatures", remedy="Name a threshold of 1 or more.")
    if threshold > len(role.keyids):
        raise DraftError(
            f"{name} would need {threshold} signatures and have {len(role.keyids)} keys: nobody could sign it",
            remedy="Add keys in the same draft, or lower the --threshold.",
        )
    role.threshold = threshold


def _edit_roles(targets: Targets, edit: TargetsEdit) -> None:
    delegations = targets.delegations or Delegations({}, {})
    roles: dict[str, DelegatedRole] = dict(delegations.roles or {})
    for name in edit.remove_channels:
        if name not in roles:
            raise DraftError(f"there is no channel {name}", remedy=f"There are {', '.join(delegated_roles(targets))}.")
        del roles[name]
    for name, keys in edit.add_roles:
        if name in roles:
            raise DraftError(
                f"the channel {name} is there already", remedy=f"Change its keys with --role {name} --add-key PUB."
            )
        roles[name] = delegated_role(name, keys)
        delegations.keys.update({key.keyid: key for key in keys.keys})
    if edit.keys.asks:
        if edit.keys.role not in roles:
            what = f"there is no channel {edit.keys.role}" if edit.keys.role else "it is not said whose keys change"
            raise DraftError(
                what, remedy=f"Name one with --role: {', '.join(roles)}; keys of targets itself are in root."
            )
        _edit(roles[edit.keys.role], delegations.keys, edit.keys, edit.keys.role)
    check_channel_names(name for name in roles if name != ADVISORIES)
    used = {keyid for role in roles.values() for keyid in role.keyids}
    keys_in_use = {keyid: key for keyid, key in delegations.keys.items() if keyid in used}
    targets.delegations = Delegations(keys_in_use, dict(sorted(roles.items())))


def _edit_builders(document: str, edit: TargetsEdit, channels: tuple[str, ...]) -> str:
    listed = read_builders(document.encode())
    policy = edit.policy or read_policy(document.encode())
    testers: list[Key] | None = None
    if listed.testers is not None or edit.allow_testers or edit.remove_testers:
        testers = _edit_keys(listed.testers or {}, edit.allow_testers, edit.remove_testers, "listed tester")
    return builders_document(
        _edit_keys(listed, edit.allow_builders, edit.remove_builders, "allowed builder"),
        _edit_counts(listed.rebuilds, edit.rebuilds, channels),
        testers=testers,
        tests=_edit_counts(listed.tests, edit.tests, channels),
        policy=policy.without_channels(edit.remove_channels) if policy else None,
        operators=_edit_operators(listed.operators, edit),
        previews=_edit_keys(listed.previews, edit.allow_previews, edit.remove_previews, "preview key"),
    ).decode()


def _edit_operators(listed: Mapping[str, str], edit: TargetsEdit) -> dict[str, str]:
    for name in edit.remove_operators:
        if name not in listed:
            raise DraftError(f"there is no operator {name[:100]}", remedy=f"There are {', '.join(listed) or 'none'}.")
    kept = {name: key for name, key in listed.items() if name not in edit.remove_operators}
    kept |= dict(edit.operators)
    if len(set(kept.values())) < len(kept):
        raise DraftError("two operators have one key", remedy="Let each make a key of their own: `farm keys me`.")
    return kept


def _edit_keys(listed: Mapping[str, Key], add: Iterable[Key], remove: Iterable[str], what: str) -> list[Key]:
    gone = {_find(wanted, list(listed), what) for wanted in remove}
    kept = {keyid: key for keyid, key in listed.items() if keyid not in gone}
    return list((kept | {key.keyid: key for key in add}).values())


def _edit_counts(
    listed: Mapping[str, int], edits: Iterable[tuple[str, int]], channels: tuple[str, ...]
) -> dict[str, int]:
    # The counts of removed channels are dropped; the check judges a new count.
    before = {channel: count for channel, count in listed.items() if channel in channels}
    return {
        channel: count for channel, count in {**before, **dict(edits)}.items() if count > 1 or channel not in channels
    }


def _find(wanted: str, keyids: list[str], what: str) -> str:
    found = [keyid for keyid in keyids if wanted and keyid.startswith(wanted)]
    if len(found) != 1:
        listed = ", ".join(keyid[:16] for keyid in keyids) or "none"
        raise DraftError(
            f"{wanted or 'nothing'} matches {'more than one' if found else 'no'} {what}",
            remedy=f"Name one by its .pub file or its key id: {listed}.",
        )
    return found[0]
