"""Excuses: why a package is held back from a channel, since when, and what cleared it; written and read.

A refusal of the signer is read also after it is cleared, as it outlasts its candidate.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlmodel import col, func, select, update

from farm.core.buildlog.first_error import FirstError
from farm.core.names.digest import Digest
from farm.core.names.form import Form
from farm.core.policy.gate_kind import GateKind
from farm.server.channels.releases import newest_release
from farm.server.events.recording import touch_package
from farm.server.tables.curation_rows import ExcuseRow
from farm.server.tables.evidence import EVIDENCE, FIRST_ERROR, Evidence
from farm.server.tables.reading import JSON_LIST, Record, in_parts
from farm.server.tables.states import Role

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from sqlmodel import Session


_LOOKED_AT_AGAIN = (GateKind.TESTS, GateKind.SIGNER, GateKind.ROLLED_BACK, GateKind.OLDER)
"""Gates that may give another result when the pipeline evaluates the same package again."""
_JOBS_TRIED_AGAIN = (GateKind.BUILD, GateKind.REPRODUCED, GateKind.DEPENDENTS, GateKind.RELEASED_TESTS)
"""Gates that may give another result when the job behind it is retried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Excuse(
    Record,
    Form,
    record="excuse",
    keys={"digest": "descriptor"},
    outside={"under_way", "evidence"},
    columns={"job": "job_id"},
    texts={"partners": JSON_LIST, "evidence": EVIDENCE, "first_error": FIRST_ERROR},
):
    """Why a package (`digest` is None if it should have been removed) is held back, in words that a person can act on.

    `root` is the package that causes this, empty if it is the package itself. `partners` are packages that it fails
    only together with. `remedy` is what would clear it, `until` when time alone does. While it is `under_way`, a job of
    the farm works on it, and nobody has to act. `evidence` is what the search found. `first_error` is that of `job`,
    and `line` the same in one line, or the last line of its log.
    """

    package: str
    gate: GateKind
    reason: str
    digest: Digest | None = None
    version: str = ""
    root: str = ""
    owner: str = ""
    job: int | None = None
    line: str = ""
    first_error: FirstError | None = None
    partners: tuple[str, ...] = ()
    remedy: str = ""
    until: datetime | None = None
    under_way: bool = False
    evidence: Evidence | None = None


@dataclass(frozen=True, slots=True)
class KeptExcuse(Record, Form, record="kept excuse", outside={"excuse"}, columns={"candidate": "candidate_id"}):
    """An excuse with its history: held `since`, last by `candidate`; `cleared_at` is None while it is open."""

    id: int
    channel: str
    candidate: int
    excuse: Excuse
    since: datetime
    cleared_at: datetime | None
    cleared_by: str

    @property
    def subject(self) -> str:
        """What is held back: a package with its version, or the whole set."""
        return f"{self.excuse.package} {self.excuse.version}".strip() or "the whole set"

    @property
    def retried_job(self) -> int | None:
        """The job whose retry may clear the excuse; None if there is none."""
        is_open = self.cleared_at is None and not self.excuse.under_way
        return self.excuse.job if is_open and self.excuse.gate in _JOBS_TRIED_AGAIN else None

    @property
    def retry_command(self) -> str:
        """The command that may clear the excuse; empty if the result would be the same."""
        if job := self.retried_job:
            return f"farm retry {job}"
        return f"farm candidate retry {self.channel} {self.excuse.package}".rstrip() if self._is_looked_at_again else ""

    @property
    def retry_role(self) -> Role | None:
        """The role that `retry_command` needs, which the owner of the package may not have; None without a command."""
        if self.retried_job:
            return Role.MAINTAINER
        return Role.CURATOR if self._is_looked_at_again else None

    @property
    def _is_looked_at_again(self) -> bool:
        return self.cleared_at is None and self.excuse.gate in _LOOKED_AT_AGAIN

    def to_dict(self) -> dict[str, Any]:
        """Return the excuse as JSON values. `package` is empty when the whole set is held back."""
        retry = {"retry": self.retry_command, "retry-job": self.retried_job, "retry-needs": self.retry_role}
        root = self.excuse.root or self.excuse.package
        return {**Form.to_dict(self), **self.excuse.to_dict(), "root": root, **retry}


def hold_back(session: Session, channel: str, candidate_id: int, excuses: Iterable[Excuse], *, now: datetime) -> None:
    """Make these the open excuses of a channel. An excuse that was open for the same package keeps its `since`.

    Excuses of packages that are no longer held are cleared. Excuses about released packages are left alone: only
    `replace_released_excuses` makes and clears them.
    """
    held = [excuse for excuse in excuses if excuse.gate is not GateKind.RELEASED_TESTS]
    standing = [row for row in _standing(session, channel) if row.gate is not GateKind.RELEASED_TESTS]
    _replace(session, standing, (channel, candidate_id), held, by=f"candidate {candidate_id}", now=now)


def replace_released_excuses(
    session: Session, channel: str, candidate_id: int, excuses: Collection[Excuse], *, now: datetime
) -> None:
    """Make these the excuses about packages that a channel has released; others about them are cleared."""
    standing = [row for row in _standing(session, channel) if row.gate is GateKind.RELEASED_TESTS]
    _replace(session, standing, (channel, candidate_id), excuses, by="tests that pass", now=now)


def _replace(
    session: Session,
    standing: Collection[ExcuseRow],
    of: tuple[str, int],
    excuses: Collection[Excuse],
    *,
    by: str,
    now: datetime,
) -> None:
    """Replace excuses by these; `of` are the channel and the candidate, `by` is what clears the others."""
    channel, candidate_id = of
    for package in {row.package for row in standing} | {excuse.package for excuse in excuses}:
        touch_package(session, channel, package, now=now)
    left = {(row.package, row.digest, row.gate): row for row in standing}
    for excuse in excuses:
        row = left.pop((excuse.package, excuse.digest or "", excuse.gate), None)
        if row is None:
            row = ExcuseRow(
                channel=channel,
                since=now,
                package=excuse.package,
                gate=excuse.gate,
                candidate_id=candidate_id,
                reason="",
            )
            session.add(row)
        row.sqlmodel_update({"candidate_id": candidate_id, "job_id": None, "until": None, **excuse.columns()})
    for row in left.values():
        row.cleared_at, row.cleared_by = now, by


def clear(session: Session, channel: str, packages: Iterable[str], *, by: str, now: datetime) -> None:
    """Clear the excuses of these packages on a channel."""
    standing = (col(ExcuseRow.channel) == channel, col(ExcuseRow.cleared_at).is_(None))
    cleared_packages = list(packages)
    for package in cleared_packages:
        touch_package(session, channel, package, now=now)
    for some in in_parts(cleared_packages):
        cleared = update(ExcuseRow).where(*standing, col(ExcuseRow.package).in_(some))
        session.exec(cleared.values(cleared_at=now, cleared_by=by))


def open_excuses(session: Session, channel: str, package: str | None = None) -> list[KeptExcuse]:
    """Return the open excuses of a channel, by package; or those of one package."""
    return list(map(KeptExcuse.of, _standing(session, channel, package)))


def of_candidate(session: Session, candidate_id: int) -> list[KeptExcuse]:
    """Return the excuses that a candidate was the last to give, including those cleared afterwards."""
    query = select(ExcuseRow).where(ExcuseRow.candidate_id == candidate_id).order_by(col(ExcuseRow.id))
    return KeptExcuse.all(session, query)


def recent(session: Session, channel: str, *, limit: int = 50) -> list[KeptExcuse]:
    """Return the excuses of a channel, open or cleared, newest first."""
    query = select(ExcuseRow).where(ExcuseRow.channel == channel).order_by(col(ExcuseRow.id).desc()).limit(limit)
    return KeptExcuse.all(session, query)


def _standing(session: Session, channel: str, package: str | None = None) -> list[ExcuseRow]:
    query = select(ExcuseRow).where(ExcuseRow.channel == channel, col(ExcuseRow.cleared_at).is_(None))
    if package is not None:
        query = query.where(ExcuseRow.package == package)
    return list(session.exec(query.order_by(col(ExcuseRow.package), col(ExcuseRow.id))))


def refusals_in_force(
    session: Session, channel: str, packages: Mapping[str, Digest | None], *, now: datetime
) -> list[Excuse]:
    """Return the refusals of exactly these packages that still count; None stands for the removal of one."""
    found: dict[str, Excuse] = {}
    for names in in_parts(packages):
        query = select(ExcuseRow).where(
            ExcuseRow.channel == channel,
            ExcuseRow.gate == GateKind.SIGNER,
            col(ExcuseRow.package).in_(names),
            col(ExcuseRow.until) > now,
        )
        for row in session.exec(query.order_by(col(ExcuseRow.id))):
            if row.digest == (packages[row.package] or "") and not row.root:
                found[row.package] = KeptExcuse.of(row).excuse
    return list(found.values())


def ask_signer_again(
    session: Session, *, now: datetime, channel: str | None = None, packages: Collection[str] | None = None
) -> None:
    """End the refusals that still count: of one channel or all, of some packages or all."""
    still = update(ExcuseRow).where(col(ExcuseRow.gate) == GateKind.SIGNER, col(ExcuseRow.until) > now)
    if channel is not None:
        still = still.where(col(ExcuseRow.channel) == channel)
    for names in in_parts(packages) if packages is not None else [None]:
        some = still if names is None else still.where(col(ExcuseRow.package).in_(names))
        session.exec(some.values(until=now))


def count_refusals(session: Session, channel: str, package: str, digest: Digest | None) -> int:
    """Return how many times the signer refused a package on a channel.

    Without a digest (a removal, or a whole candidate), refusals are counted since the last release.
    """
    query = select(func.count()).where(
        ExcuseRow.channel == channel,
        ExcuseRow.gate == GateKind.SIGNER,
        ExcuseRow.package == package,
        ExcuseRow.digest == (digest or ""),
        ExcuseRow.root == "",
    )
    if digest is None and (newest := newest_release(session, channel)) is not None:
        query = query.where(col(ExcuseRow.since) > newest.published_at)
    return session.exec(query).one()
