"""Who may sign what: the rules for a distribution's root, targets and channels, beyond those of TUF.

TUF itself allows one key in two roles, two roles for one path, and names that look alike. Signers refuse all of these,
and so does every client. Pure: works on documents whose signatures have been verified.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeVar

from cryptography.exceptions import UnsupportedAlgorithm
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Root, Snapshot, Targets, Timestamp

from farm.core.names.channel_name import faults_of_channel_names
from farm.errors import FarmError
from farm.trust.keys.key_files import public_pem
from farm.trust.layout import ADVISORIES, ADVISORIES_PATTERN, BUILDERS_TARGET, release_target

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from securesystemslib.signer import Key
    from tuf.api.metadata import DelegatedRole, Delegations, Metadata, Role

Document = TypeVar("Document", Root, Timestamp, Snapshot, Targets)
OFFLINE_ROLES = ("root", "targets")
ONLINE_ROLES = ("snapshot", "timestamp")
TOP_ROLES = (*OFFLINE_ROLES, *ONLINE_ROLES)


class DelegationError(FarmError):
    """Roles, keys or paths of a repository break a rule."""

    code = "delegation"

    def __init__(self, message: str, remedy: str = "", *, code: str = "") -> None:
        super().__init__(
            message,
            remedy=remedy or "Do not sign it. Make it again with `farm keys draft`, or ask its author what it is for.",
            code=code,
        )


def document_of(metadata: Metadata[Any], kind: type[Document], role: str) -> Document:
    """Return the document in a file of metadata. Raises `DelegationError` when it is of another kind."""
    if not isinstance(metadata.signed, kind):
        raise DelegationError(f"{role} is {metadata.signed.type} metadata")
    return metadata.signed


def check_channel_names(names: Iterable[str]) -> None:
    """Refuse invalid names, those of TUF's roles, and names that look alike. Raises `DelegationError`."""
    for fault in faults_of_channel_names(names):
        raise DelegationError(fault.message, remedy=fault.remedy)


def check_root(root: Root) -> None:
    """Refuse a root with a key in two roles, a key twice in one, or a threshold above the number of keys.

    Raises `DelegationError`.
    """
    if set(root.roles) != set(TOP_ROLES):
        raise DelegationError(f"root names the roles {', '.join(sorted(root.roles))}, not {', '.join(TOP_ROLES)}")
    if not root.consistent_snapshot:
        raise DelegationError("root does not require consistent snapshots")
    _check_keys(_keys_of_root(root))


def check_targets(targets: Targets, root: Root) -> None:
    """Refuse targets that sign more than the list of builders themselves, or have wrong delegations.

    Each channel has one role that may sign its release and nothing else; keys are of one role only, those of `root`
    included; delegations end there. Raises `DelegationError`.
    """
    if extra := sorted(set(targets.targets) - {BUILDERS_TARGET}):
        raise DelegationError(f"targets signs {', '.join(extra)} itself; it may sign {BUILDERS_TARGET} and delegate")
    delegations = targets.delegations
    if delegations is None:
        return
    if delegations.roles is None:
        raise DelegationError("targets delegates to hash bins; each channel must have a role of its own")
    check_channel_names(name for name in delegations.roles if name != ADVISORIES)
    for name, role in delegations.roles.items():
        expected = [ADVISORIES_PATTERN] if name == ADVISORIES else [release_target(name)]
        if role.name != name or role.path_hash_prefixes is not None or role.paths != expected:
            paths = ", ".join(role.paths or role.path_hash_prefixes or ["nothing"])
            raise DelegationError(f"the role {name} may sign {paths}; it must be {expected[0]} alone")
        if not role.terminating:
            raise DelegationError(f"the delegation to {name} does not end the search for its path")
    _check_keys([*_keys_of_root(root), *_keys_of_delegations(delegations)])


def check_delegated(name: str, document: Targets) -> None:
    """Refuse a channel's metadata that delegates on, or signs another target than its own. Raises `DelegationError`."""
    if document.delegations is not None:
        raise DelegationError(f"{name} delegates to others; a channel signs for itself")
    mine = release_target(name)
    for path in document.targets:
        inside = path.startswith("advisories/") and "/" not in path.removeprefix("advisories/")
        if path != mine and not (name == ADVISORIES and inside):
            raise DelegationError(f"{name} signs {path}, which is not its own")


def channels_of(targets: Targets) -> tuple[str, ...]:
    """Return the names of the channels that targets delegates, sorted."""
    return tuple(name for name in delegated_roles(targets) if name != ADVISORIES)


def delegated_roles(targets: Targets) -> tuple[str, ...]:
    """Return the names of all delegated roles, sorted."""
    return tuple(sorted(targets.delegations.roles or ())) if targets.delegations else ()


def role_of(targets: Targets, name: str) -> DelegatedRole:
    """Return the delegation to `name`; raises `DelegationError` when there is none."""
    roles = (targets.delegations.roles or {}) if targets.delegations else {}
    if name not in roles:
        raise DelegationError(f"targets does not delegate {name}")
    return roles[name]


def identity_of(key: Key) -> str:
    """Return the identity of a key, which is independent of its id and its encoding."""
    try:
        return public_pem(key).decode()
    except (ValueError, KeyError, TypeError, UnsupportedAlgorithm):  # of a kind that has no PEM
        return json.dumps(key.keyval.get("public", key.keyval), sort_keys=True)


def accepts(delegator: Root | Targets, role: str, metadata: Metadata[Any]) -> bool:
    """Return whether enough keys of a role, as `delegator` names them, have signed a document."""
    try:
        delegator.verify_delegate(role, metadata.signed_bytes, metadata.signatures)
    except RepositoryError:
        return False
    return True


def keys_by_role(root: Root, targets: Targets) -> Iterator[tuple[str, Key]]:
    """Yield every key that signs metadata, with its role: those of root, then those of channels."""
    roles = [*_keys_of_root(root), *(_keys_of_delegations(targets.delegations) if targets.delegations else ())]
    for name, _, keys in roles:
        yield from ((name, key) for key in keys)


def _keys_of_root(root: Root) -> Iterator[tuple[str, Role, list[Key]]]:
    for name, role in sorted(root.roles.items()):
        yield name, role, [root.keys[keyid] for keyid in role.keyids if keyid in root.keys]


def _keys_of_delegations(delegations: Delegations) -> Iterator[tuple[str, Role, list[Key]]]:
    for name, role in sorted((delegations.roles or {}).items()):
        yield name, role, [delegations.keys[keyid] for keyid in role.keyids if keyid in delegations.keys]


def _check_keys(roles: Iterable[tuple[str, Role, list[Key]]]) -> None:
    holders: dict[str, str] = {}
    for name, role, keys in roles:
        if role.threshold > len(keys):
            raise DelegationError(
                f"{name} needs {role.threshold} signatures and has {len(keys)} keys: nobody could sign it",
                remedy="Add keys, or lower the threshold.",
            )
        for key in keys:
            before = holders.setdefault(identity_of(key), name)
            if before != name or _twice(key, keys):
                whose = f"{before} and {name}" if before != name else f"{name} twice"
                raise DelegationError(
                    f"the key {key.keyid} is of {whose}", remedy="Every role needs keys of its own, each counted once."
                )


def _twice(key: Key, keys: list[Key]) -> bool:
    return sum(identity_of(key) == identity_of(other) for other in keys) > 1
