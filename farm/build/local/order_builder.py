"""Builds an order on this machine: records what it made, or keeps what it left."""

from __future__ import annotations

import fcntl
import os
import secrets
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from farm.build.attempt.build import build
from farm.build.attempt.errors import BuildFailedError
from farm.build.attempt.workshop import time_now
from farm.build.attempt.workspace import Workspace
from farm.build.kept.record import KeptBuild
from farm.build.local.reports import BuildProgress
from farm.build.local_logs import BUILD, REBUILD
from farm.build.toolchain.toolchain import restore_toolchain
from farm.container.attempt_directory import AttemptDirectory
from farm.errors import FarmError, Place
from farm.store.locks import take_lock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from farm.build.attempt.workshop import Workshop
    from farm.build.kept.kept_builds import KeptBuilds, KeptTree
    from farm.build.kept.record import Stop
    from farm.build.local.reports import Reports
    from farm.build.local_logs import GrowingLog
    from farm.build.local_state import LocalState
    from farm.build.toolchain.toolchain import Toolchain
    from farm.core.buildlog.error_kind import ErrorKind
    from farm.core.names.digest import Digest
    from farm.core.plan.job import BuildOrder, BuildOutcome


@dataclass(frozen=True)
class OrderBuilder:
    """Builds on this machine, and records the outcomes in `state`. Builds that fail are in `kept` afterwards.

    `provider_of` returns the package that provides what a build has missed, or nothing, and `toolchain_with` the other
    toolchain that has what the recipe of this name has missed. `farm_job` is the number of the farm's job that is built
    here, or 0.
    """

    workshop: Workshop
    state: LocalState
    reports: Reports
    kept: KeptBuilds
    provider_of: Callable[[ErrorKind, str], str]
    toolchain_with: Callable[[str, ErrorKind, str], str]
    farm_job: int = 0

    def make(self, order: BuildOrder, progress: BuildProgress, *, against: str = "") -> BuildOutcome:
        """Build, record the outcome, and return it. Raises as `build`.

        `progress` is reported when the build begins. `against` is the release that the packages below were taken from,
        whatever their plans. While another process builds the recipe here, this one waits; if that has carried out the
        same plan, its outcome is returned.
        """
        recipe, plan = order.plan.name.short, order.plan.digest
        with self._turn(recipe) as has_waited:
            made = self.state.outcome(plan) if has_waited else None
            if made is None:
                made = self._build_or_keep(order, progress)
                self.state.record(plan, made, against=against)
                self.kept.forget(recipe)
        return made

    @contextmanager
    def _turn(self, recipe: str) -> Iterator[bool]:
        """Be the only process that builds a recipe in this state; yields whether another one had to end first."""
        waits: list[Path] = []

        def waiting(place: Path) -> None:
            waits.append(place)
            self.reports.say(f"another farm command is building {recipe}: waiting for it")

        place = self.state.building / recipe
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("w") as lock:
            take_lock(lock, fcntl.LOCK_EX, place, waiting)
            yield bool(waits)

    def build(self, order: BuildOrder, workshop: Workshop) -> BuildOutcome:
        """Build, and record and keep nothing.

        Raises what `farm.build.attempt.build.build` raises, with the path of the log.
        """
        progress = BuildProgress(order.plan.name.short, "rebuilding")
        with self.attempt() as attempt, self.logged(progress, REBUILD) as log:
            return build(order, workshop, attempt=attempt, log=log)

    def _build_or_keep(self, order: BuildOrder, progress: BuildProgress) -> BuildOutcome:
        with self.attempt() as attempt:
            workspace = Workspace.of_attempt(attempt, order.limits)
            with self.failure_kept(order, workspace), self.logged(progress) as log:
                return build(order, self.workshop, attempt=attempt, log=log, workspace=workspace)

    @contextmanager
    def logged(self, progress: BuildProgress, kind: str = BUILD) -> Iterator[GrowingLog]:
        """Begin the log of a build, and report its progress with it; yields the log.

        `kind` is `BUILD`, `REBUILD` or `UNPACK`. A failure names the line of its error there, and who provides what is
        missing.
        """
        with self.state.logs.begin(progress.recipe, kind, self.reports.log) as log:
            self.reports.progress(replace(progress, log=log.place))
            try:
                yield log
            except BuildFailedError as error:
                with suppress(OSError, FarmError):  # a damaged blob must not hide why the build failed
                    self._explain(error, log.place, progress.recipe)
                raise

    def _explain(self, error: BuildFailedError, log: Path | None, recipe: str) -> None:
        found = error.first_error
        if log:
            error.place = error.place or Place(str(log), found.line if found else 0)
        if found:
            kind, subject = found.kind, found.subject
            error.provided_by(self.provider_of(kind, subject), self.toolchain_with(recipe, kind, subject))

    @contextmanager
    def failure_kept(self, order: BuildOrder, workspace: Workspace) -> Iterator[None]:
        """Keep a build whose steps have failed in a workspace, and name the way into it in the error."""
        try:
            yield
        except BuildFailedError as error:
            if error.step_number is not None:
                try:
                    self.keep(
                        order,
                        workspace,
                        stop="failed",
                        step=error.step_number,
                        message=error.message,
                        log=error.log,
                    )
                except FarmError as trouble:
                    error.remedy += f" ({trouble.message})"
                else:
                    name = order.plan.name.short
                    error.remedy += f" `farm shell {name}` opens the build where it failed."
                    if error.code == "step-failed" and not (error.first_error and error.first_error.sure):
                        error.remedy += f" `farm shell {name} -- rerun -x` prints each command as it runs."
            raise

    def keep(
        self,
        order: BuildOrder,
        workspace: Workspace,
        *,
        stop: Stop,
        step: int,
        message: str = "",
        log: Digest | None = None,
    ) -> KeptTree:
        """Keep a build that stopped at the step with the number `step`. Raises the error `cannot-keep`."""
        if workspace.on_host is None:
            raise ValueError("the workspace is inside a container")
        toolchain = self.workshop.toolchains(order.plan.toolchain)
        build = KeptBuild(
            order=order,
            toolchain=toolchain.name,
            toolchain_archive=toolchain.archive,
            stop=stop,
            step=step,
            message=message,
            jobs=self.workshop.jobs,
            kept=time_now(),
            log=log,
            farm_job=self.farm_job,
        )
        return self.kept.add(build, workspace.on_host)

    def workshop_of(self, build: KeptBuild) -> Workshop:
        """Return the workshop in which a kept build goes on as it began."""

        def toolchain(tree: Digest) -> Toolchain:
            return restore_toolchain(
                build.toolchain, tree, build.toolchain_archive, self.state.store, self.state.toolchains
            )

        return replace(self.workshop, toolchains=toolchain, jobs=build.jobs)

    def attempt(self) -> AttemptDirectory:
        """Return a new directory for one attempt on this machine."""
        token = f"local-{os.getpid()}-{secrets.token_hex(8)}"
        return AttemptDirectory.make(self.workshop.attempts, token)
