"""The channels of the farm: a pipeline for each whose file can be followed, by the policy that is in force now.

Read again whenever a file changes: those of channels, curators and owners, and what the keys of targets have signed.
"""

from __future__ import annotations

import logging
import stat
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from farm.core.files.document import MAXIMUM_BYTES
from farm.core.policy.curators import CURATORS
from farm.core.policy.owners import OWNERS
from farm.core.policy.policies import CHANNELS, Policies, is_channel, read_policies
from farm.core.policy.strictness import as_strict_as_signed
from farm.errors import FarmError
from farm.server.curation import signed_orders
from farm.server.submissions.policies_in_force import in_force, take_up
from farm.trust.attestation.curator_order import LONGEST_LIFETIME
from farm.trust.layout import METADATA
from farm.trust.metadata.delegation import channels_of
from farm.trust.metadata.repository import Repository
from farm.trust.metadata.signed_policy import policy_in_force, who_may_order

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from pathlib import Path

    from farm.core.policy.channel import ChannelPolicy
    from farm.server.pipeline.pipeline import Pipeline
    from farm.server.transaction.unit_of_work import Application, UnitOfWork
    from farm.trust.metadata.signed_policy import SignedPolicy

_LOG = logging.getLogger("farm.server")

Build: TypeAlias = "Callable[[ChannelPolicy, Mapping[str, Mapping[str, str]]], Pipeline]"
"""Makes the pipeline of a policy; the second argument has the public keys of curators, by name, by group."""
_NEWEST = f"{METADATA}/timestamp.json"

FileStamp: TypeAlias = tuple[str, int, int, int]
"""Path, inode, size and time of change of a file; zeros where there is none."""
Stamp: TypeAlias = tuple[FileStamp, ...]


class ChannelFiles:
    """The files of channels, curators and owners in a directory of recipes; a check for changes is one `stat` each."""

    def __init__(self, recipes: Path) -> None:
        self._recipes = recipes

    def stamp(self) -> Stamp:
        """Return a stamp that changes when a file does."""
        return tuple(stamp_of(self._recipes, path) for path in self._paths())

    def read(self) -> Policies:
        """Return the present content; a file that cannot be read is recorded as its channel's trouble."""
        files: dict[str, bytes] = {}
        unreadable: dict[str, str] = {}
        for path in self._paths():
            try:
                files[path] = self._read(path)
            except OSError as error:
                unreadable[path] = f"cannot be read: {error.strerror or error}"
        return read_policies(files, unreadable)

    def _paths(self) -> list[str]:
        folder = self._recipes / CHANNELS
        names = sorted(each.name for each in folder.iterdir()) if folder.is_dir() else []
        channels = [f"{CHANNELS}/{name}" for name in names if not name.startswith(".")]
        found = [path for path in channels if is_channel(path)]
        return [*found, *(name for name in (CURATORS, OWNERS) if (self._recipes / name).exists())]

    def _read(self, path: str) -> bytes:
        file = self._recipes / path
        if not stat.S_ISREG(file.lstat().st_mode):
            raise OSError(None, "it is not a regular file", str(file))
        with file.open("rb") as opened:
            # One byte beyond the limit, so that the reader refuses it.
            return opened.read(MAXIMUM_BYTES + 1)


def stamp_of(folder: Path, path: str) -> FileStamp:
    """Return a stamp that changes when the file at a path below `folder` does."""
    try:
        found = (folder / path).lstat()
    except OSError:
        return path, 0, 0, 0
    return path, found.st_ino, found.st_size, max(found.st_mtime_ns, found.st_ctime_ns)


class SignedTargets:
    """What the keys of targets have signed, read from the published directory at each call."""

    def __init__(self, repository: Path) -> None:
        self._repository = Repository(repository)

    def stamp(self) -> FileStamp:
        """Return a stamp that changes with each signature."""
        return stamp_of(self._repository.root, _NEWEST)

    def channels(self) -> tuple[str, ...] | None:
        """Return the channels for which a role signs; None if the repository cannot be read."""
        try:
            return channels_of(self._repository.head().targets)
        except FarmError:
            return None

    def who_orders(self) -> Mapping[str, str] | None:
        """Return the people whose orders count: public keys by name; None without a signed policy.

        Raises `FarmError` if it cannot be read.
        """
        policy = policy_in_force(self._repository)
        return None if policy is None else who_may_order(self._repository.builders(), policy)

    def policy(self) -> SignedPolicy | None:
        """Return the signed policy, None if there is none. Raises `FarmError` if it cannot be read."""
        policy = policy_in_force(self._repository)
        if policy:
            _ = policy.policies  # read now, so that an error in its files is raised here
        return policy


class Channels:
    """The pipelines of the farm's channels, for one thread. `build` makes a pipeline."""

    def __init__(self, application: Application, files: ChannelFiles, build: Build, signed: SignedTargets) -> None:
        self._application = application
        self._files = files
        self._build = build
        self._signed = signed
        self._pipelines: dict[str, tuple[object, Pipeline]] = {}
        self._undelegated: tuple[str, ...] = ()
        self._seen = (*files.stamp(), signed.stamp())
        self._taken: Stamp | None = None
        self._unread: tuple[Stamp, str] | None = None
        self._keep_up()

    def pipelines(self) -> list[Pipeline]:
        """Read what has changed, and return the pipelines of the channels that can go on, by name."""
        self._keep_up()
        return [pipeline for _, pipeline in self._pipelines.values()]

    def _keep_up(self) -> None:
        stamp = (*self._files.stamp(), self._signed.stamp())
        # A change is read once the files have been unchanged for a turn: an editor may still be writing.
        resting, self._seen = stamp == self._seen, stamp
        if not resting or (stamp == self._taken and self._lacking(self._undelegated) == self._undelegated):
            return
        try:
            signed = self._signed.policy()
        except FarmError as error:
            # Without it, files could be laxer than what is signed. It is tried again at each turn.
            self._taken = None
            if self._unread != (stamp, error.message):
                self._unread = stamp, error.message
                _LOG.error("what the keys of targets have signed cannot be read: %s", error)  # no traceback needed
                self._take_up(_waiting(self._files.read()))
            return
        said = self._files.read()
        self._take_up(as_strict_as_signed(said, signed.policies) if signed else said)
        self._taken, self._unread = stamp, None

    def _take_up(self, said: Policies) -> None:
        said = self._without_roles(said)
        with self._application.writing() as unit:
            take_up(unit, said)
            self._take_up_people(unit)
        kept = self._pipelines
        self._pipelines = {}
        for name, policy in said.policies.items():
            # A pipeline, with all that it has read of its channel, is kept while its policy is the same.
            policy_now = (policy, in_force(policy, said.curators))
            before = kept.get(name)
            if before is not None and before[0] == policy_now:
                self._pipelines[name] = before
            else:
                self._pipelines[name] = policy_now, self._build(policy, said.curators)
        for lines in said.troubles.values():
            for line in lines:
                _LOG.error("a channel waits: %s", line)
        for lines in said.unsigned.values():
            for line in lines:
                _LOG.warning("%s; it goes on by its signed policy", line)
        if said.owners_unsigned:
            _LOG.warning(said.owners_unsigned)
        for line in said.owners_troubles:
            _LOG.error("submissions are refused: %s", line)

    def _take_up_people(self, unit: UnitOfWork) -> None:
        """Record the people whose orders count, by targets; while that cannot be read, nothing changes."""
        try:
            people = self._signed.who_orders()
        except FarmError as error:
            _LOG.error("whose orders count cannot be read: %s", error)  # no traceback needed
        else:
            if people != signed_orders.who_orders(unit.session):
                signed_orders.set_who_orders(unit.session, people)
                signed_orders.bring_again(unit.session, unit.now - LONGEST_LIFETIME)

    def _without_roles(self, said: Policies) -> Policies:
        """Let channels wait that no role signs for: they were added after the keys were made."""
        self._undelegated = self._lacking(said.policies)
        why = "no role signs for this channel yet. Start `farm up` again, or add it with `farm keys draft targets`."
        waiting = {name: (f"channels/{name}.yaml: {why}",) for name in self._undelegated}
        followed = {name: policy for name, policy in said.policies.items() if name not in waiting}
        return replace(said, policies=followed, troubles=dict(said.troubles) | waiting)

    def _lacking(self, names: Collection[str]) -> tuple[str, ...]:
        if not names:
            return ()
        delegated = self._signed.channels()
        # A repository that cannot be read changes nothing.
        lacking = set(self._undelegated) if delegated is None else set(names) - set(delegated)
        return tuple(sorted(lacking & set(names)))


_UNREAD = "what the keys of targets have signed cannot be read: control's log says why"


def _waiting(said: Policies) -> Policies:
    """Let all channels and submissions wait: the limits that the files must keep cannot be read."""
    troubles = dict.fromkeys(said.policies, (_UNREAD,)) | dict(said.troubles)
    owners_troubles = said.owners_troubles or (_UNREAD,)
    return replace(said, policies={}, troubles=dict(sorted(troubles.items())), owners_troubles=owners_troubles)
