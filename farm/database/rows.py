"""Every row of the farm in one place: whoever needs the whole metadata imports this."""

from __future__ import annotations

from farm.database.columns import Row
from farm.database.identity_rows import AuditRow, NonceRow, TokenRow, WorkerRow
from farm.database.job_rows import AttemptRow, JobNeedRow, JobRow, OutboxRow, PackageTestRow, PlanRow
from farm.database.package_rows import PackageRow
from farm.database.recipe_rows import RecipeNeedRow, RecipeOutputRow, RecipeRevisionRow, RecipeRow, SubmissionRow
from farm.database.release_rows import (
    CandidateMemberRow,
    CandidateRow,
    CandidateTestRow,
    ChannelRow,
    ExcuseRow,
    GateResultRow,
    ReleaseMemberRow,
    ReleaseRow,
)

__all__ = [
    "AttemptRow",
    "AuditRow",
    "CandidateMemberRow",
    "CandidateRow",
    "CandidateTestRow",
    "ChannelRow",
    "ExcuseRow",
    "GateResultRow",
    "JobNeedRow",
    "JobRow",
    "NonceRow",
    "OutboxRow",
    "PackageRow",
    "PackageTestRow",
    "PlanRow",
    "RecipeNeedRow",
    "RecipeOutputRow",
    "RecipeRevisionRow",
    "RecipeRow",
    "ReleaseMemberRow",
    "ReleaseRow",
    "Row",
    "SubmissionRow",
    "TokenRow",
    "WorkerRow",
]
