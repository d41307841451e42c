"""Every row of the farm in one place: whoever needs the whole metadata imports this."""

from __future__ import annotations

from farm.database.columns import Row
from farm.database.curation_rows import (
    AdvisoryPackageRow,
    AdvisoryRow,
    ApprovalRow,
    ExcuseRow,
    FlakyTestRow,
    HoldRow,
    LeftOutRow,
    OrderRow,
    ReportRow,
    ReviewRow,
    VexRow,
)
from farm.database.foreign_rows import (
    CandidateForeignRow,
    CandidatePinRow,
    ForeignPackageRow,
    ForeignReleaseRow,
    ForeignTroubleRow,
    WantedArchiveRow,
)
from farm.database.identity_rows import AuditRow, NonceRow, TokenRow, WorkerRow
from farm.database.job_rows import AttemptRow, JobNeedRow, JobRow, OutboxRow, PackageTestRow, PlanRow
from farm.database.package_rows import AttestationRow, ConsumedRow, DifferenceRow, PackageRow
from farm.database.recipe_rows import RecipeNeedRow, RecipeOutputRow, RecipeRevisionRow, RecipeRow, SubmissionRow
from farm.database.release_rows import (
    CandidateChangeRow,
    CandidateRow,
    CandidateTestRow,
    ChannelRow,
    GateResultRow,
    MembershipRow,
    ReleaseRow,
    SetRunRow,
)

__all__ = [
    "AdvisoryPackageRow",
    "AdvisoryRow",
    "ApprovalRow",
    "AttemptRow",
    "AttestationRow",
    "AuditRow",
    "CandidateChangeRow",
    "CandidateForeignRow",
    "CandidatePinRow",
    "CandidateRow",
    "CandidateTestRow",
    "ChannelRow",
    "ConsumedRow",
    "DifferenceRow",
    "ExcuseRow",
    "FlakyTestRow",
    "ForeignPackageRow",
    "ForeignReleaseRow",
    "ForeignTroubleRow",
    "GateResultRow",
    "HoldRow",
    "JobNeedRow",
    "JobRow",
    "LeftOutRow",
    "MembershipRow",
    "NonceRow",
    "OrderRow",
    "OutboxRow",
    "PackageRow",
    "PackageTestRow",
    "PlanRow",
    "RecipeNeedRow",
    "RecipeOutputRow",
    "RecipeRevisionRow",
    "RecipeRow",
    "ReleaseRow",
    "ReportRow",
    "ReviewRow",
    "Row",
    "SetRunRow",
    "SubmissionRow",
    "TokenRow",
    "VexRow",
    "WantedArchiveRow",
    "WorkerRow",
]
