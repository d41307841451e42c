"""Founds a distribution, and makes the changes of `farm up` while the offline keys are still on the same machine.

Offline keys (root, targets) and online keys (snapshot, timestamp, advisories, one for each channel) have directories of
their own; the offline directory is meant to be moved away, or its keys belong to other people and were never here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tuf.api.metadata import Metadata

from farm.core.names.digest import Digest
from farm.errors import FarmError
from farm.store.durable_file import replace_file
from farm.trust.ceremony.draft import Draft
from farm.trust.ceremony.drafting import TargetsEdit, draft_targets
from farm.trust.ceremony.policy_changes import policy_changes
from farm.trust.ceremony.promotion import publish_draft
from farm.trust.keys.key_files import load_or_create_key, load_public_key
from farm.trust.keys.signers import Signers, read_signers
from farm.trust.layout import ADVISORIES, PREVIEWS
from farm.trust.metadata.builder_rules import SignedPolicyError
from farm.trust.metadata.builders import builders_document
from farm.trust.metadata.delegation import (
    OFFLINE_ROLES,
    ONLINE_ROLES,
    channels_of,
    check_channel_names,
    delegated_roles,
)
from farm.trust.metadata.repository import Repository
from farm.trust.metadata.roles import RoleKeys, new_root, new_targets
from farm.trust.metadata.signed_policy import policy_in_force, who_may_order
from farm.trust.metadata.step_texts import texts_to_show

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from securesystemslib.signer import Key

    from farm.trust.metadata.signed_policy import SignedPolicy


class CeremonyError(FarmError):
    """Keys or metadata exist already, or something that the ceremony needs is missing."""

    code = "ceremony"


class KeysAwayError(CeremonyError):
    """The change needs the keys of targets, which are not here, as intended."""

    def __init__(self, repository: Repository, keys: Path, options: str) -> None:
        super().__init__(
            f"this has to be signed with the keys of targets, and not enough of them are in {keys / 'offline'}",
            remedy=f"Run `farm keys draft targets --repository {repository.root} {options} --out targets.draft`, have "
            f"it signed where the keys are with `farm keys sign targets.draft --key KEY`, and bring it back: "
            f"`farm keys publish targets.draft --repository {repository.root} --online {keys / 'online'}`.",
        )


@dataclass(frozen=True, slots=True)
class Founded:
    """A founded distribution: the digest of its root metadata, which subscribers pin, and the folders of its keys."""

    fingerprint: Digest
    offline: Path
    online: Path


def found_repository(
    root: Path,
    keys: Path,
    channels: Sequence[str],
    builders: Sequence[Key],
    now: datetime,
    *,
    testers: Sequence[Key] | None = None,
) -> Founded:
    """Make all keys below `keys`, and version 1 of all metadata below `root`.

    `builders` and `testers` are keys of workers; see `AllowedBuilders` for what no testers mean.
    Raises `CeremonyError` when either exists already: nothing is ever overwritten. An interrupted ceremony continues
    with the keys that it had made.
    """
    _refuse_published(root)
    _check_channels(channels)
    offline, online = keys / "offline", keys / "online"
    held = {role: RoleKeys((load_or_create_key(offline / role).public_key,)) for role in OFFLINE_ROLES}
    first_root, first_targets = found_drafts(root, online, channels, builders, offline=held, now=now, testers=testers)
    signers = read_signers(offline)
    for draft in (first_root, first_targets):
        publish_draft(Repository(root), _signed_by_all(draft, signers), read_signers(online), now)
    return Founded(Digest.of(Repository(root).read_metadata("1.root.json")), offline, online)


def found_drafts(
    root: Path,
    online: Path,
    channels: Sequence[str],
    builders: Sequence[Key],
    *,
    offline: Mapping[str, RoleKeys],
    now: datetime,
    testers: Sequence[Key] | None = None,
) -> tuple[Draft, Draft]:
    """Make the online keys, and return drafts of the first root and targets; `offline` has the keys of these two.

    Raises `CeremonyError`, `DelegationError`, `KeyFileError`.
    """
    _refuse_published(root)
    _check_channels(channels)
    held = {name: online_keys(online, name) for name in (*ONLINE_ROLES, ADVISORIES, *channels)}
    document = builders_document(builders, testers=testers)
    targets = new_targets({name: held[name] for name in (ADVISORIES, *channels)}, document, now)
    published = Repository(root)
    if published.newest_root():
        # The root of an interrupted ceremony stays: people may have its fingerprint.
        first = Draft(metadata=Metadata.from_bytes(published.read_metadata("1.root.json")))
    else:
        first = Draft(metadata=Metadata(new_root({**offline, **{name: held[name] for name in ONLINE_ROLES}}, now)))
    second = Draft(metadata=Metadata(targets), root=first.metadata, builders=document.decode())
    for draft in (first, second):
        draft.check()
    return first, second


def write_drafts(folder: Path, drafts: Sequence[Draft]) -> list[Path]:
    """Write drafts into a folder, each named for its role; nothing is overwritten. Raises `CeremonyError`."""
    paths = [folder / f"{draft.role}.draft" for draft in drafts]
    if there := [str(path) for path in paths if path.exists()]:
        raise CeremonyError(
            f"{' and '.join(there)} {'is' if len(there) == 1 else 'are'} there already",
            remedy="Name another folder with --drafts, or go on with these drafts.",
        )
    for path, draft in zip(paths, drafts, strict=True):
        replace_file(path, draft.to_json())
    return paths


def allow_more_builders(
    repository: Repository, keys: Path, builders: Sequence[Key], now: datetime, *, testers: Sequence[Key] = ()
) -> int:
    """Add builders and testers to the signed lists; return how many of these keys were new to one of them.

    A new list of testers starts with the builders that are allowed already: they test today, and are trusted with
    packages anyway. Needs the keys of targets below `keys`/offline.
    Raises `CeremonyError` when they are not there, `KeyFileError`, `RepositoryStateError`.
    """
    known, asked = repository.builders(), {key.keyid for key in (*builders, *testers)}
    building = tuple(key for key in builders if key.keyid not in known)
    listed = known.testers
    if listed is None:
        # A repository of an earlier farm has no list: it gets one when possible, and works without.
        testers = [*known.values(), *testers] if testers and _offline_keys(keys).by_keyid else ()
    testing = tuple({key.keyid: key for key in testers if key.keyid not in (listed or {})}.values())
    if building or testing:
        options = [*["--allow-builder KEY.pub"][: len(building)], *["--allow-tester KEY.pub"][: len(testing)]]
        edit = TargetsEdit(allow_builders=building, allow_testers=testing)
        _publish_here(repository, edit, keys, now, " ".join(options))
    return len(asked & {key.keyid for key in (*building, *testing)})


def found_channels(
    repository: Repository,
    keys: Path,
    channels: Sequence[str],
    now: datetime,
    rebuilds: Mapping[str, int] | None = None,
) -> tuple[str, ...]:
    """Delegate the channels that the repository does not have yet; return their names. Makes their online keys.

    `rebuilds` has for channels how many builders must agree on a package, so that clients require it too.
    Raises `CeremonyError` when the keys of targets are not below `keys`/offline, `DelegationError`, `KeyFileError`.
    """
    targets = repository.head().targets
    new = tuple(sorted(set(channels) - set(channels_of(targets))))
    # A repository of an earlier farm has no role for advisories: it gets one when possible, and works without.
    late = () if ADVISORIES in delegated_roles(targets) else (ADVISORIES,)
    agreed, wanted = repository.builders(), rebuilds or {}
    counts = tuple(
        (channel, wanted.get(channel, 1)) for channel in channels if wanted.get(channel, 1) != agreed.needed(channel)
    )
    if not new and not counts and not (late and _offline_keys(keys).by_keyid):
        return ()
    check_channel_names((*channels_of(targets), *new))
    added = tuple((name, online_keys(keys / "online", name)) for name in (*new, *late))
    options = [f"--add-channel {name} --key {keys / 'online' / name}.pub" for name in new]
    options += [f"--rebuilds {name}={count}" for name, count in counts]
    _publish_here(repository, TargetsEdit(add_roles=added, rebuilds=counts), keys, now, " ".join(options))
    return new


def sign_policy(repository: Repository, keys: Path, policy: SignedPolicy, now: datetime) -> list[str]:
    """Sign a new policy; return the changes, in words, or what has to be signed elsewhere.

    If the keys of targets are not below `keys`/offline, what was signed before stays in force.
    Raises `DelegationError`, `InvalidSignedPolicyError`, `KeyFileError`, `RepositoryStateError`.
    """
    before = policy_in_force(repository)
    if policy == before:
        return []
    changes = policy_changes(policy, before, texts_to_show(repository, policy, before, policy.written))
    try:
        _publish_here(repository, TargetsEdit(policy=policy), keys, now, "--policy RECIPES")
    except SignedPolicyError as error:
        return [f"the policy of the recipes is not signed: {error.message}", error.remedy]
    except KeysAwayError as error:
        return ["the recipes ask for another policy than the one that is signed, which stays in force", error.remedy]
    return ["the policy of the recipes is signed:", *changes]


def list_operator(repository: Repository, keys: Path, name: str, public: str, now: datetime) -> bool:
    """List a person who runs the farm as an operator; False if already listed.

    Does nothing either if the keys of targets are not below `keys`/offline, or if the key is another person's.
    Raises `DelegationError`, `KeyFileError`, `RepositoryStateError`.
    """
    known, policy = repository.builders(), policy_in_force(repository)
    if known.operators.get(name) == public or public in who_may_order(known, policy).values():
        return False
    if not _offline_keys(keys).by_keyid:
        return False
    edit = TargetsEdit(operators=((name, public),))
    try:
        _publish_here(repository, edit, keys, now, f"--operator {name}={public}")
    except KeysAwayError:
        return False
    return True


def list_preview_key(repository: Repository, keys: Path, now: datetime) -> bool:
    """Make the key that signs previews, and list it, unless targets list one; False if nothing was changed.

    Does nothing either if the keys of targets are not below `keys`/offline: the farm then has no previews to run.
    Raises `DelegationError`, `KeyFileError`, `RepositoryStateError`.
    """
    if repository.builders().previews or not _offline_keys(keys).by_keyid:
        return False
    made = online_keys(keys / "online", PREVIEWS).keys
    try:
        _publish_here(repository, TargetsEdit(allow_previews=made), keys, now, "--preview-key PUB")
    except KeysAwayError:
        return False
    return True


def online_keys(folder: Path, name: str) -> RoleKeys:
    """Return the public key of a role from the folder of online keys; it is made on first use."""
    link = folder / f"{name}.uri"
    if link.exists():
        return RoleKeys((load_public_key(folder / f"{name}.pub"),))
    return RoleKeys((load_or_create_key(folder / name).public_key,))


def _publish_here(repository: Repository, edit: TargetsEdit, keys: Path, now: datetime, options: str) -> None:
    draft = _signed_by_all(draft_targets(repository, edit, now), _offline_keys(keys))
    if any(quorum.missing for quorum in draft.quorums()):
        raise KeysAwayError(repository, keys, options)
    publish_draft(repository, draft, read_signers(keys / "online"), now)


def _offline_keys(keys: Path) -> Signers:
    folder = keys / "offline"
    return read_signers(folder) if folder.is_dir() else Signers()


def _signed_by_all(draft: Draft, signers: Signers) -> Draft:
    wanted = {key.keyid for quorum in draft.quorums() for key in quorum.unsigned}
    for signer in signers:
        if signer.public_key.keyid in wanted:
            draft = draft.signed_by(signer)
    return draft


def _refuse_published(root: Path) -> None:
    if Repository(root).exists():
        raise CeremonyError(
            f"{root} holds a published repository already",
            remedy="Name another directory, or change this one with `farm keys draft`.",
        )


def _check_channels(channels: Sequence[str]) -> None:
    if not channels:
        raise CeremonyError("a repository needs at least one channel")
    check_channel_names(channels)
