"""Excuses of builds that failed or met trouble with nothing beside them to release: no candidate would tell it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.core.policy.gate_kind import GateKind
from farm.server.channels import candidates, excuses
from farm.server.jobs import jobs
from farm.server.recipes import recipes

if TYPE_CHECKING:
    from farm.server.pipeline.excuses.explain import Explainer
    from farm.server.transaction.unit_of_work import UnitOfWork


class FailedBuilds:
    """Keeps such excuses of one channel as builds are, while none is under way. For one thread."""

    def __init__(self, channel: str) -> None:
        self._channel = channel
        self._told: object = None

    def renew(self, unit: UnitOfWork, explainer: Explainer) -> None:
        """Tell what could not be built, in the name of the newest candidate, and clear what can by now."""
        # With no build under way, what has failed depends on the jobs that there are, and every job has a number; what
        # met trouble, on when it last did.
        mark = (jobs.newest_job(unit.session), jobs.last_trouble(unit.session), recipes.last_built(unit.session))
        latest = candidates.latest_candidate(unit.session, self._channel)
        if mark == self._told or latest is None:
            return
        standing = [excuse.excuse for excuse in excuses.standing(unit.session, self._channel)]
        told = explainer.unbuilt()
        if set(told) != {excuse for excuse in standing if excuse.gate is GateKind.BUILD}:
            others = [excuse for excuse in standing if excuse.gate is not GateKind.BUILD]
            excuses.hold_back(unit.session, self._channel, latest.id, [*others, *told], now=unit.now)
        self._told = mark
