"""What pages ask: searches, counts, and the rows that belong to a page of other rows, each in one indexed query."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy.orm import aliased
from sqlmodel import case, col, func, or_, select

from farm.database.attempts import attempt_of_row
from farm.database.build_numbers import numbers_of
from farm.database.job_rows import AttemptRow, JobRow, PackageTestRow
from farm.database.jobs import job_of_row
from farm.database.package_rows import PackageRow
from farm.database.packages import package_of_row
from farm.database.parts import in_parts
from farm.database.recipe_rows import RecipeRevisionRow, RecipeRow
from farm.database.release_rows import CandidateTestRow, ChannelRow, MembershipRow, ReleaseRow
from farm.database.releases import held_in
from farm.database.states import JobState
from farm.names import FIRST_BUILD, Digest, printed_version

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from sqlmodel import Session

    from farm.database.records import Attempt, Job, Package
    from farm.database.states import JobKind


@dataclass(frozen=True, slots=True)
class TestName:
    """A test that was asked for: its name in the recipe, and the package (the descriptor's digest) that it is of."""

    __test__ = False  # pytest would collect it for its name

    test: str
    subject: Digest


@dataclass(frozen=True, slots=True)
class Membership:
    """The newest published release of a channel that holds a package, by number."""

    channel: str
    number: int


def search_packages(session: Session, text: str, *, after: str = "", limit: int = 50) -> list[Package]:
    """Return one page of the current packages whose name or summary contains `text`, by name, those after `after`."""
    query = select(PackageRow).join(RecipeRow, col(RecipeRow.built_plan) == col(PackageRow.plan))
    if text:
        query = query.where(
            or_(
                col(PackageRow.name).icontains(text, autoescape=True),
                col(PackageRow.summary).icontains(text, autoescape=True),
            )
        )
    query = query.where(col(PackageRow.name) > after).order_by(col(PackageRow.name)).limit(limit)
    return [package_of_row(row) for row in session.exec(query)]


def count_packages(session: Session) -> int:
    """Return how many current packages there are."""
    joined = col(RecipeRow.built_plan) == col(PackageRow.plan)
    return session.exec(select(func.count()).select_from(PackageRow).join(RecipeRow, joined)).one()


def current_package(session: Session, name: str) -> Package | None:
    """Return the package of a name out of the newest successful build of its recipe."""
    query = select(PackageRow).join(RecipeRow, col(RecipeRow.built_plan) == col(PackageRow.plan))
    row = session.exec(query.where(PackageRow.name == name)).first()
    return package_of_row(row) if row else None


def search_jobs(
    session: Session,
    *,
    before: int | None = None,
    limit: int = 50,
    states: Sequence[JobState] = (),
    kind: JobKind | None = None,
    name: str = "",
) -> list[Job]:
    """Return jobs, newest first, that are older than the job `before`; of any state when `states` is empty."""
    query = select(JobRow).order_by(col(JobRow.id).desc()).limit(limit)
    if before is not None:
        query = query.where(col(JobRow.id) < before)
    if states:
        query = query.where(col(JobRow.state).in_(states))
    if kind is not None:
        query = query.where(JobRow.kind == kind)
    if name:
        query = query.where(JobRow.name == name)
    return [job_of_row(row) for row in session.exec(query)]


def attempts_of_jobs(session: Session, job_ids: Iterable[int]) -> dict[int, list[Attempt]]:
    """Return the attempts at each of these jobs, the first first; jobs that nobody has tried are left out."""
    found: defaultdict[int, list[Attempt]] = defaultdict(list)
    query = select(AttemptRow).where(col(AttemptRow.job_id).in_(sorted(job_ids))).order_by(col(AttemptRow.number))
    for row in session.exec(query):
        found[row.job_id].append(attempt_of_row(row))
    return dict(found)


def versions_of_jobs(session: Session, jobs: Collection[Job]) -> dict[int, str]:
    """Return the version of what each build among these jobs puts out, as it is printed, by the job's number."""
    ids = {job.revision_id for job in jobs if job.revision_id is not None}
    query = select(RecipeRevisionRow).where(col(RecipeRevisionRow.id).in_(sorted(ids)))
    revisions = {row.id: row for row in session.exec(query)}
    numbers = numbers_of(session, {job.subject for job in jobs if job.subject and job.revision_id is not None})
    return {
        job.id: printed_version(
            revisions[job.revision_id].version,
            revisions[job.revision_id].revision,
            numbers.get(job.subject, FIRST_BUILD) if job.subject else FIRST_BUILD,
        )
        for job in jobs
        if job.revision_id in revisions
    }


def dropped_for(session: Session, plans: Iterable[Digest]) -> dict[Digest, str]:
    """Return the version of what is kept in place of the packages of these plans, of those that were dropped."""
    kept = aliased(PackageRow)
    query = select(PackageRow.plan, kept.version, kept.revision, kept.build).join(
        kept, col(kept.digest) == col(PackageRow.same_as)
    )
    found: dict[Digest, str] = {}
    for some in in_parts(plans):
        for plan, version, revision, build in session.exec(query.where(col(PackageRow.plan).in_(some))):
            found[Digest(plan)] = printed_version(version, revision, build)
    return found


def tests_of_digests(session: Session, digests: Iterable[Digest]) -> dict[Digest, TestName]:
    """Return what each of these test orders tests."""
    columns = select(PackageTestRow.digest, PackageTestRow.test, PackageTestRow.subject)
    query = columns.where(col(PackageTestRow.digest).in_(sorted(digests)))
    return {Digest(digest): TestName(test, Digest(subject)) for digest, test, subject in session.exec(query)}


def tests_of_candidate(session: Session, candidate_id: int, *, limit: int) -> tuple[list[Job], int]:
    """Return some of the tests that a candidate asked for, those not passed first, and how many it asked for."""
    has = select(CandidateTestRow.job_id).where(CandidateTestRow.candidate_id == candidate_id)
    passed = case((col(JobRow.state) == JobState.SUCCEEDED, 1), else_=0)
    query = select(JobRow).where(col(JobRow.id).in_(has)).order_by(passed, col(JobRow.id)).limit(limit)
    count = session.exec(select(func.count()).where(CandidateTestRow.candidate_id == candidate_id)).one()
    return [job_of_row(row) for row in session.exec(query)], count


def packages_by_digest(session: Session, digests: Iterable[Digest]) -> dict[Digest, Package]:
    """Return these packages by the digest of their descriptor."""
    found: dict[Digest, Package] = {}
    for some in in_parts(digests):
        query = select(PackageRow).where(col(PackageRow.digest).in_(some))
        found |= {Digest(row.digest): package_of_row(row) for row in session.exec(query)}
    return found


def releases_with(session: Session, package: Digest) -> list[Membership]:
    """Return, for each channel that has ever held a package, the newest published release that does."""
    query = (
        select(ReleaseRow.channel, func.max(ReleaseRow.number))
        .join(MembershipRow, col(MembershipRow.channel) == col(ReleaseRow.channel))
        .where(
            MembershipRow.package == package,
            col(MembershipRow.since) <= col(ReleaseRow.number),
            or_(col(MembershipRow.until).is_(None), col(MembershipRow.until) > col(ReleaseRow.number)),
            col(ReleaseRow.published_at).is_not(None),
        )
        .group_by(ReleaseRow.channel)
        .order_by(ReleaseRow.channel)
    )
    return [Membership(channel, number) for channel, number in session.exec(query)]


def channel_policy(session: Session, name: str) -> str | None:
    """Return the canonical JSON of a channel's policy, None when there is no such channel."""
    row = session.get(ChannelRow, name)
    return row.policy if row else None


def release_page(session: Session, channel: str, number: int, *, after: str = "", limit: int = 500) -> list[Package]:
    """Return one page of the packages of a release, by name, those after the name `after`."""
    query = (
        select(PackageRow)
        .join(MembershipRow, col(MembershipRow.package) == col(PackageRow.digest))
        .where(held_in(channel, number), col(MembershipRow.name) > after)
        .order_by(col(MembershipRow.name))
        .limit(limit)
    )
    return [package_of_row(row) for row in session.exec(query)]


def release_size(session: Session, channel: str, number: int) -> int:
    """Return how many bytes the archives of a release have together."""
    joined = col(MembershipRow.package) == col(PackageRow.digest)
    query = select(func.sum(PackageRow.archive_size)).join(MembershipRow, joined)
    return int(session.exec(query.where(held_in(channel, number))).one() or 0)
