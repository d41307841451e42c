"""Puts a draft with enough signatures in force, in the order that locks no client out.

Targets: channels that are new or whose keys changed are signed first, then targets, snapshot, timestamp. Root: snapshot
and timestamp are signed with the keys of the old root and of the new one, then the root is put in place. An interrupted
publication is repeated with the same draft.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tuf.api.metadata import Metadata, Root, Targets

from farm.trust.ceremony.draft import DraftError, check_signed
from farm.trust.layout import BUILDERS_TARGET
from farm.trust.metadata.builder_rules import check_builders
from farm.trust.metadata.builders import read_builders
from farm.trust.metadata.delegation import accepts, check_targets, delegated_roles, role_of
from farm.trust.metadata.public_keys import write_public_keys
from farm.trust.metadata.revision import Revision
from farm.trust.metadata.roles import new_delegated

if TYPE_CHECKING:
    from datetime import datetime

    from farm.trust.ceremony.draft import Draft
    from farm.trust.keys.signers import Signers
    from farm.trust.metadata.repository import Repository
    from farm.trust.metadata.repository_files import Head


@dataclass(frozen=True, slots=True)
class Promoted:
    """The result: `already` if exactly this version was in force before; `gap`: roles whose old keys were not here."""

    already: bool = False
    gap: tuple[str, ...] = ()


def publish_draft(repository: Repository, draft: Draft, signers: Signers, now: datetime) -> Promoted:
    """Put a draft in force. Raises `DraftError`, `DelegationError`, and as `Draft.require_complete`."""
    draft.check()
    draft.require_complete()
    if draft.metadata.signed.is_expired(now):
        raise DraftError(f"the draft was valid until {draft.metadata.signed.expires.isoformat()}: it came too late")
    with repository.lock():
        publish = _publish_root if draft.role == "root" else _publish_targets
        promoted = publish(repository, draft, signers, now)
        if repository.exists():
            write_public_keys(repository)
        return promoted


def _publish_root(repository: Repository, draft: Draft, signers: Signers, now: datetime) -> Promoted:
    content = draft.metadata.to_bytes()
    newest = repository.newest_root()
    if newest and _same(draft, _read(repository, newest, "root")):
        return Promoted(already=True)
    _check_successor(draft, newest)
    coming: Root = draft.metadata.signed
    gap: tuple[str, ...] = ()
    if newest:
        _check_follows(draft, _read(repository, newest, "root"))
    if repository.exists():
        head = repository.head(coming)
        check_targets(head.targets, coming)
        check_builders(repository.builders(), coming, head.targets)
        check_signed(
            coming,
            "targets",
            _read(repository, head.targets.version, "targets"),
            f"the published targets would not hold under root version {coming.version}",
            "First publish targets signed by old and new keys: `farm keys draft targets --for-root DRAFT`.",
        )
        revision = Revision(repository, head, signers, now, coming)
        gap = tuple(name for name in ("snapshot", "timestamp") if not signers.holds(head.root.roles[name]))
        revision.finish()
    repository.write_metadata(f"{draft.version}.root.json", content)
    return Promoted(gap=gap)


def _publish_targets(repository: Repository, draft: Draft, signers: Signers, now: datetime) -> Promoted:
    if not repository.newest_root():
        raise DraftError(
            f"there is no root in {repository.root} that names who signs targets",
            remedy="Publish the draft of root first.",
        )
    head = repository.head() if repository.exists() else None
    if head is None:  # the first targets
        root: Root = _read(repository, repository.newest_root(), "root").signed
    else:
        if _same(draft, _read(repository, head.targets.version, "targets")):
            return Promoted(already=True)
        _check_successor(draft, head.targets.version)
        root = head.root
    _check_bears_out(root, draft)
    targets: Targets = draft.metadata.signed
    check_targets(targets, root)
    check_builders(read_builders(draft.builders.encode()), root, targets)
    again = [name for name in delegated_roles(targets) if not _still_holds(repository, head, targets, name)]
    for name in again:
        signers.signing(name, role_of(targets, name))  # before anything is written
    if head is None:
        revision = Revision.first(repository, root, targets, signers, now)
    else:
        revision = Revision(repository, head, signers, now)
    repository.write_target(BUILDERS_TARGET, draft.builders.encode())
    for name in again:
        document = repository.delegated(head, name) if head and _version(head, name) else new_delegated(now)
        revision.delegated(role_of(targets, name), document)
    revision.targets(draft.version, draft.metadata.to_bytes())
    revision.finish()
    return Promoted()


def _same(draft: Draft, metadata: Metadata[Any]) -> bool:
    return metadata.signed_bytes == draft.metadata.signed_bytes


def _check_successor(draft: Draft, newest: int) -> None:
    if draft.version != newest + 1:
        raise DraftError(
            f"the draft is version {draft.version} of {draft.role}, and version {newest} is published",
            remedy="Draft it again with `farm keys draft`, on what is published now, and have it signed.",
        )


def _check_follows(draft: Draft, in_force: Metadata[Root]) -> None:
    if draft.previous is None or draft.previous.signed_bytes != in_force.signed_bytes:
        raise DraftError(
            f"the draft does not follow on version {in_force.signed.version} of root as it is published here",
            remedy="Draft it again with `farm keys draft root --repository DIR`.",
        )


def _check_bears_out(root: Root, draft: Draft) -> None:
    check_signed(
        root,
        "targets",
        draft.metadata,
        f"the draft of targets is not signed by the keys that root version {root.version} names",
        "Keys of targets have changed since it was drafted: draft it again, and have it signed.",
    )


def _read(repository: Repository, version: int, role: str) -> Metadata[Any]:
    return Metadata.from_bytes(repository.read_metadata(f"{version}.{role}.json"))


def _still_holds(repository: Repository, head: Head | None, targets: Targets, name: str) -> bool:
    """Return whether the published metadata of a delegated role has the signatures that the coming targets require."""
    version = _version(head, name)
    return version is not None and accepts(targets, name, _read(repository, version, name))


def _version(head: Head | None, name: str) -> int | None:
    """Return the version of a delegated role that is in force; None if there is none."""
    meta = head.snapshot.meta.get(f"{name}.json") if head and name in delegated_roles(head.targets) else None
    return meta.version if meta else None
