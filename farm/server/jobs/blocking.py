"""The builds that waiting and blocked builds wait for in the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.core.names.reachable import reachable
from farm.server.jobs import waiting
from farm.server.jobs.dependents import newest_builds
from farm.server.previews.build_scope import BuildScope
from farm.server.tables.states import HELD, JobState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from farm.server.tables.records import Job
    from farm.server.transaction.unit_of_work import UnitOfWork

_FAILED = (JobState.FAILED, JobState.CANCELLED, JobState.SET_ASIDE)


class HeldUp:
    """Some builds, of the farm or of one preview, with all that hold them up: read once, a level at a time."""

    def __init__(self, unit: UnitOfWork, builds: Iterable[Job], *, preview: int = 0) -> None:
        scope = BuildScope(unit, preview)
        self._builds = {build.name: build for build in builds}
        self._below: dict[str, list[str]] = {}
        open_ends = list(self._builds.values())
        while open_ends:
            held = [build for build in open_ends if build.state in HELD]
            awaited = waiting.awaited_by(unit.session, (build.id for build in held))
            names = {name for build in held for name in awaited.get(build.id, ())}
            unbuilt = {name for name, head in scope.heads(names).items() if not head.is_built}
            for build in held:
                self._below[build.name] = [name for name in awaited.get(build.id, ()) if name in unbuilt]
            found = newest_builds(scope, unbuilt - self._builds.keys())
            open_ends = [build for build in found.values() if build is not None]
            self._builds |= {build.name: build for build in open_ends}

    def by(self, name: str) -> list[Job]:
        """Return the builds that hold up a recipe's, and are held up by none: those that have failed come first."""
        reached = reachable([name], lambda other: self._below.get(other, ()))
        ends = [self._builds[other] for other in reached[1:] if other in self._builds and other not in self._below]
        return sorted(ends, key=lambda build: (build.state not in _FAILED, build.name))


def waits_for(unit: UnitOfWork, job: Job) -> list[Job]:
    """Return the builds that hold up a build and are held up by none, as `HeldUp.by` does."""
    return HeldUp(unit, [job], preview=job.preview).by(job.name)
