"""The channels of the farm: a pipeline for each whose file can be followed, by the policy that it says now."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from farm.core.policy.strictness import bounded
from farm.errors import FarmError
from farm.server.curation import signed_orders
from farm.server.submissions.policies_in_force import in_force, take_up
from farm.trust.attestation.curator_order import LONGEST_LIFETIME

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from farm.core.policy.channel import ChannelPolicy
    from farm.core.policy.policies import Policies
    from farm.server.pipeline.pipeline import Pipeline
    from farm.server.transaction.unit_of_work import Application, UnitOfWork
    from workers.channel_files import ChannelFiles, Stamp
    from workers.signed_targets import SignedTargets

_LOG = logging.getLogger("farm.server")

Build: TypeAlias = "Callable[[ChannelPolicy, Mapping[str, Mapping[str, str]]], Pipeline]"
"""Makes the pipeline of a policy; the second are the public keys of curators, by name, by group."""


class Channels:
    """For one thread. `build` makes pipelines; `signed` says what the keys of targets have signed."""

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
        """Look at the files, and return the pipelines of the channels that can go on, in the order of their names."""
        self._keep_up()
        return [pipeline for _, pipeline in self._pipelines.values()]

    def _keep_up(self) -> None:
        stamp = (*self._files.stamp(), self._signed.stamp())
        # What has changed is read once it has been at rest for a turn: an editor may be in the middle of it.
        resting, self._seen = stamp == self._seen, stamp
        if not resting or (stamp == self._taken and self._lacking(self._undelegated) == self._undelegated):
            return
        try:
            signed = self._signed.policy()
        except FarmError as error:
            # Files by themselves may ask for less than what is signed. It is tried again at each turn.
            self._taken = None
            if self._unread != (stamp, error.message):
                self._unread = stamp, error.message
                _LOG.error("what the keys of targets have signed cannot be read: %s", error)  # the message says it all
                self._take_up(_waiting(self._files.read()))
            return
        said = self._files.read()
        self._take_up(bounded(said, signed.policies) if signed else said)
        self._taken, self._unread = stamp, None

    def _take_up(self, said: Policies) -> None:
        said = self._without_roles(said)
        with self._application.writing() as unit:
            take_up(unit, said)
            self._take_up_people(unit)
        kept = self._pipelines
        self._pipelines = {}
        for name, policy in said.policies.items():
            # What a pipeline has read of its channel is kept for as long as its policy stays the same.
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
        """Let those order whom targets name; as long as that cannot be read, those of before."""
        try:
            people = self._signed.who_orders()
        except FarmError as error:
            _LOG.error("whose orders count cannot be read: %s", error)  # the message says it all
        else:
            if people != signed_orders.who_orders(unit.session):
                signed_orders.set_who_orders(unit.session, people)
                signed_orders.bring_again(unit.session, unit.now - LONGEST_LIFETIME)

    def _without_roles(self, said: Policies) -> Policies:
        """Let channels wait that nobody could sign for: they have come since the keys were made."""
        self._undelegated = self._lacking(said.policies)
        why = "no role signs for this channel yet. Start `farm up` again, or add it with `farm keys draft targets`."
        waiting = {name: (f"channels/{name}.yaml: {why}",) for name in self._undelegated}
        followed = {name: policy for name, policy in said.policies.items() if name not in waiting}
        return replace(said, policies=followed, troubles=dict(said.troubles) | waiting)

    def _lacking(self, names: Collection[str]) -> tuple[str, ...]:
        if not names:
            return ()
        delegated = self._signed.channels()
        # A repository that does not say changes nothing.
        lacking = set(self._undelegated) if delegated is None else set(names) - set(delegated)
        return tuple(sorted(lacking & set(names)))


_UNREAD = "what the keys of targets have signed cannot be read: control's log says why"


def _waiting(said: Policies) -> Policies:
    """Let all channels wait, and submissions: nobody can say within what files count."""
    troubles = dict.fromkeys(said.policies, (_UNREAD,)) | dict(said.troubles)
    owners_troubles = said.owners_troubles or (_UNREAD,)
    return replace(said, policies={}, troubles=dict(sorted(troubles.items())), owners_troubles=owners_troubles)
