"""The builds that a waiting or blocked build waits for in the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.server.jobs import jobs
from farm.server.jobs.dependents import newest_builds
from farm.server.previews.build_scope import BuildScope
from farm.server.tables.states import HELD, JobState

if TYPE_CHECKING:
    from farm.server.tables.records import Job
    from farm.server.transaction.unit_of_work import UnitOfWork


def waits_for(unit: UnitOfWork, job: Job) -> list[Job]:
    """Return the builds that hold up a build and are themselves held up by none: those that have failed come first.

    Each of them is the newest build of a recipe that is not built; empty if the build is not held up.
    """
    scope = BuildScope(unit, job.preview)
    found: dict[str, Job] = {}
    seen = {job.name}
    open_ends = [job] if job.state in HELD else []
    while open_ends:
        names = {name for build in open_ends for name in jobs.awaited(unit.session, build.id)} - seen
        seen |= names
        unbuilt = {name for name, head in scope.heads(names).items() if not head.is_built}
        below = [build for build in newest_builds(scope, unbuilt).values() if build is not None]
        open_ends = [build for build in below if build.state in HELD]
        found |= {build.name: build for build in below if build.state not in HELD}
    failed = (JobState.FAILED, JobState.CANCELLED, JobState.SET_ASIDE)
    return sorted(found.values(), key=lambda build: (build.state not in failed, build.name))
