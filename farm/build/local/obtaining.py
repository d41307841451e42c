"""Obtains the outcome of an order: the one that is kept, or that of a build."""

from __future__ import annotations

import os
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.build.attempt.build import build
from farm.build.attempt.errors import BuildFailedError
from farm.build.local.reports import BuildProgress
from farm.container.attempt_directory import AttemptDirectory
from farm.errors import Place

if TYPE_CHECKING:
    from farm.build.attempt.workshop import Workshop
    from farm.build.local.reports import Reports
    from farm.build.local_state import LocalState
    from farm.core.plan.job import BuildOrder, BuildOutcome


@dataclass(frozen=True)
class Obtaining:
    """Obtains outcomes on this machine, and records them in `state`."""

    workshop: Workshop
    state: LocalState
    reports: Reports

    def obtain(self, order: BuildOrder, number: int, total: int) -> BuildOutcome:
        """Return the outcome of an order, built unless it is kept; it is `number` of `total`. Raises as `build`."""
        recipe, plan = order.plan.name.short, order.plan.digest
        kept = self.state.outcome(plan)
        if kept is not None:
            self.state.mark_newest(plan, kept)
            self.reports.progress(BuildProgress(recipe, "kept", number, total))
            return kept
        self.reports.progress(BuildProgress(recipe, "building", number, total))
        started = time.monotonic()
        outcome = self.build(order, self.workshop)
        self.state.record(plan, outcome)
        self.reports.progress(BuildProgress(recipe, "built", number, total, time.monotonic() - started))
        return outcome

    def build(self, order: BuildOrder, workshop: Workshop) -> BuildOutcome:
        """Build, and record nothing. Raises what `farm.build.attempt.build.build` raises, with the path of the log."""
        with self.attempt() as attempt:
            try:
                return build(order, workshop, attempt=attempt, log=self.reports.log)
            except BuildFailedError as error:
                found = error.first_error
                if error.log:
                    log = self.state.write_log(order.plan.name.short, error.log)
                    error.place = Place(str(log), found.line if found else 0)
                if found and (package := self.state.provider_of(found.kind, found.subject)):
                    error.provided_by(package)
                raise

    def attempt(self) -> AttemptDirectory:
        """Return a new directory for one attempt on this machine."""
        token = f"local-{os.getpid()}-{secrets.token_hex(8)}"
        return AttemptDirectory.make(self.workshop.attempts, token)
