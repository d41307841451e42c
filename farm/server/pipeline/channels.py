"""The channels of the farm: a pipeline for each whose file can be followed, by the policy that is in force now.

Read again whenever a file changes: those of channels, curators and owners, and what the keys of targets have signed.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

from farm.core.policy.strictness import as_strict_as_signed
from farm.errors import FarmError
from farm.server.curation import signed_orders
from farm.server.pipeline.gates.policy_gates import package_gates
from farm.server.pipeline.pipeline import Pipeline
from farm.server.submissions.channel_files import ChannelFiles, SignedTargets
from farm.server.submissions.policies_in_force import apply_policies, in_force
from farm.server.tables.pipeline_states import RoundState
from farm.trust.attestation.curator_order import LONGEST_LIFETIME

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from pathlib import Path

    from farm.core.policy.channel import ChannelPolicy
    from farm.core.policy.policies import Policies
    from farm.server.pipeline.candidates.collect import Unseen
    from farm.server.pipeline.repository.signer_client import Signer
    from farm.server.submissions.channel_files import Stamp
    from farm.server.transaction.unit_of_work import Application, UnitOfWork

_LOG = logging.getLogger("farm.server")
_UNREAD = "the signed policy cannot be read: see the log of the control process"


class Channels:
    """The pipelines of the farm's channels, by the files in `recipes`, published in `repository`.

    For one thread, and another one for `sign_previews`.
    """

    def __init__(
        self,
        application: Application,
        recipes: Path,
        repository: Path,
        signer: Signer,
        unseen: Unseen = lambda _unit: (),
    ) -> None:
        self._application = application
        self._repository = repository
        self._signer = signer
        self._unseen = unseen
        self._files = ChannelFiles(recipes)
        self._signed = SignedTargets(repository)
        self._pipelines: dict[str, tuple[object, Pipeline]] = {}
        self._undelegated: tuple[str, ...] = ()
        self._seen = self._stamp()
        self._taken: Stamp | None = None
        self._unread: tuple[Stamp, str] | None = None
        self._logged: dict[str, str] = {}
        self._keep_up()

    def pipelines(self) -> list[Pipeline]:
        """Read what has changed, and return the pipelines of the channels that can go on, by name."""
        self._keep_up()
        return [pipeline for _, pipeline in self._pipelines.values()]

    def advance(self) -> None:
        """Read what has changed, advance each channel by one round, and renew the verdicts on previews."""
        pipelines = self.pipelines()
        advance_all(pipelines, self._logged)
        for pipeline in pipelines:
            self._examine_previews(pipeline)

    def sign_previews(self) -> None:
        """Have signed what is prepared of the previews of all channels; the signer may be slow."""
        for _, pipeline in list(self._pipelines.values()):
            pipeline.sign_previews()

    def _examine_previews(self, pipeline: Pipeline) -> None:
        about = f"the previews of {pipeline.channel}"
        try:
            pipeline.examine_previews()
            self._logged.pop(about, None)
        except Exception as error:  # noqa: BLE001  # the other channels go on
            if self._logged.get(about) != str(error):
                _LOG.error("%s cannot be examined: %s", about, error, exc_info=not isinstance(error, FarmError))
            self._logged[about] = str(error)

    def _stamp(self) -> Stamp:
        return (*self._files.stamp(), self._signed.stamp())

    def _keep_up(self) -> None:
        stamp = self._stamp()
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
                _LOG.error("the signed policy cannot be read: %s", error)  # no traceback needed
                self._take_up(_waiting(self._files.read()))
            return
        said = self._files.read()
        self._take_up(as_strict_as_signed(said, signed.policies) if signed else said)
        self._taken, self._unread = stamp, None

    def _take_up(self, said: Policies) -> None:
        said = self._without_roles(said)
        with self._application.writing() as unit:
            apply_policies(unit, said)
            self._take_up_people(unit)
        kept, self._pipelines = self._pipelines, {}
        for name, policy in said.policies.items():
            # A pipeline, with all that it has read of its channel, is kept while its policy is the same.
            policy_now = (policy, in_force(policy, said.curators))
            before = kept.get(name)
            if before is None or before[0] != policy_now:
                before = policy_now, self._pipeline(policy, said.curators)
            self._pipelines[name] = before
        for line in chain(*said.troubles.values()):
            _LOG.error("a channel waits: %s", line)
        for line in chain(*said.unsigned.values()):
            _LOG.warning("%s; the signed policy is used", line)
        if said.owners_unsigned:
            _LOG.warning(said.owners_unsigned)
        for line in said.owners_troubles:
            _LOG.error("submissions are refused: %s", line)

    def _pipeline(self, policy: ChannelPolicy, curators: Mapping[str, Mapping[str, str]]) -> Pipeline:
        gates = package_gates(policy, curators)
        return Pipeline(self._application, policy, self._repository, self._signer, gates=gates, unseen=self._unseen)

    def _take_up_people(self, unit: UnitOfWork) -> None:
        """Record the people whose orders count, by targets; while that cannot be read, nothing changes."""
        try:
            people = self._signed.who_orders()
        except FarmError as error:
            _LOG.error("cannot read which people may sign orders: %s", error)  # no traceback needed
        else:
            if people != signed_orders.who_orders(unit.session):
                signed_orders.set_who_orders(unit.session, people)
                signed_orders.retry_refused(unit.session, unit.now - LONGEST_LIFETIME)

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


def advance_all(pipelines: Iterable[Pipeline], logged: dict[str, str]) -> None:
    """Advance all channels by one round. An error of one channel is logged, and the others go on.

    Rounds come every second: `logged` has the last line about each channel, which is not repeated.
    """
    for pipeline in pipelines:
        level, trouble = logging.INFO, None
        try:
            result = pipeline.advance()
            line = f"{result.channel}: {result.message}"
            if result.state not in (RoundState.RELEASED, RoundState.REFUSED):
                logged.pop(pipeline.channel, None)  # what comes after it is news again
                continue
        except FarmError as error:  # no traceback needed
            level, line = logging.ERROR, f"the round of channel {pipeline.channel} failed: {error} {error.remedy}"
        except Exception as error:  # noqa: BLE001  # the other channels go on
            level, line, trouble = logging.ERROR, f"the round of channel {pipeline.channel} failed: {error!r}", error
        if logged.get(pipeline.channel) != line:
            logged[pipeline.channel] = line
            _LOG.log(level, "%s", line, exc_info=trouble)


def _waiting(said: Policies) -> Policies:
    """Let all channels and submissions wait: the limits that the files must keep cannot be read."""
    troubles = dict.fromkeys(said.policies, (_UNREAD,)) | dict(said.troubles)
    owners_troubles = said.owners_troubles or (_UNREAD,)
    return replace(said, policies={}, troubles=dict(sorted(troubles.items())), owners_troubles=owners_troubles)
