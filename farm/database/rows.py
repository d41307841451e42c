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
from farm.database.recipe_rows import (
    OwnershipRow,
    RecipeNeedRow,
    RecipeOutputRow,
    RecipeRevisionRow,
    RecipeRow,
    RecipeSignatureRow,
    SubmissionRow,
    SubmittedRecipeRow,
)
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
    "OwnershipRow",
    "PackageRow",
    "PackageTestRow",
    "PlanRow",
    "RecipeNeedRow",
    "RecipeOutputRow",
    "RecipeRevisionRow",
    "RecipeRow",
    "RecipeSignatureRow",
    "ReleaseRow",
    "ReportRow",
    "Row",
    "SetRunRow",
    "SubmissionRow",
    "SubmittedRecipeRow",
    "TokenRow",
    "VexRow",
    "WantedArchiveRow",
    "WorkerRow",
]
