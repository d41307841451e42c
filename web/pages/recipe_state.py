"""Where a recipe and its packages stand: what each channel has of them, what holds them back, and their last build."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.server.channels import candidates, excuses, releases
from farm.server.git.recipe_commits import commit_of
from farm.server.jobs import jobs
from farm.server.packages import packages
from farm.server.recipes import recipes
from farm.server.tables.states import JobKind
from web.pages.excuse_cards import cards

if TYPE_CHECKING:
    from collections.abc import Sequence

    from farm.server.channels.releases import ReleaseRecord
    from farm.server.git.recipe_commits import RecipeCommit
    from farm.server.tables.records import Job, Package, RecipeRevision
    from farm.server.transaction.unit_of_work import UnitOfWork
    from web.pages.excuse_cards import ExcuseCard


@dataclass(frozen=True, slots=True)
class ChannelPlace:
    """What a channel has of a package, and what keeps a newer build out of it.

    `package` is what the newest release holds, None if that holds none; `candidate` is the number of the pending
    candidate that changes it, `held` are the excuses of the package.
    """

    channel: str
    newest: ReleaseRecord | None
    package: Package | None
    candidate: int | None
    held: Sequence[ExcuseCard]


@dataclass(frozen=True, slots=True)
class RecipeState:
    """The current revision of a recipe, whether it has been built, and its newest build job, if it has one.

    `commit` is that of the revision, if it came from git.
    """

    revision: RecipeRevision
    is_built: bool
    job: Job | None
    commit: RecipeCommit | None


def recipe_state(unit: UnitOfWork, package: str) -> RecipeState | None:
    """Return the state of the recipe that makes a package now; None if no recipe does."""
    name = recipes.recipes_of(unit.session, [package]).get(package)
    head = recipes.head(unit.session, name) if name else None
    if head is None:
        return None
    newest = jobs.list_jobs(unit.session, name=head.name, kind=JobKind.BUILD, limit=1, preview=0)
    revision = recipes.revision(unit.session, head.current)
    commit = commit_of(unit.session, revision.submission, revision.name)
    return RecipeState(revision, head.is_built, next(iter(newest), None), commit)


def channel_places(unit: UnitOfWork, package: str) -> list[ChannelPlace]:
    """Return where a package stands in each channel, by the channel's name."""
    return [_place(unit, channel, package) for channel in releases.channels(unit.session)]


def _place(unit: UnitOfWork, channel: str, package: str) -> ChannelPlace:
    session = unit.session
    newest = releases.newest_release(session, channel)
    held = releases.members_named(session, channel, newest.number, [package]) if newest else {}
    pending = candidates.open_candidate(session, channel)
    moves = pending is not None and candidates.changes_package(session, pending.id, package)
    return ChannelPlace(
        channel,
        newest,
        packages.package(session, held[package]) if package in held else None,
        pending.id if pending is not None and moves else None,
        cards(excuses.open_excuses(session, channel, package)),
    )
