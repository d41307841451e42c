"""The JSON of submissions, as pydantic models."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from farm.api.wire import Digest, JobWire, Omitted, Wire

FileName = Annotated[str, StringConstraints(max_length=128)]
RecipeName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9+.-]{0,62}$")]


class SubmissionRequest(Wire):
    """Recipes by name, each the files of its directory by name, base64.

    `envelope` is a DSSE envelope (JSON) in which the submitter signs them.
    """

    recipes: dict[RecipeName, dict[FileName, str]] = Field(min_length=1, max_length=1000)
    envelope: Annotated[dict[str, Any] | None, Omitted] = None


class AcceptedWire(Wire):
    """What became of one submitted recipe."""

    name: str
    recipe: Digest
    job: JobWire
    unchanged: bool


class UnsignedWire(Wire):
    """A recipe that none of its owners, by name, has signed."""

    recipe: str
    owners: tuple[str, ...]


class SubmissionWire(Wire):
    """A submission that was taken; while it `waits_for` owners, one that was kept, and nothing else has come of it.

    `signed_by` is whose signature was kept with it.
    """

    id: int
    trace: str
    accepted: tuple[AcceptedWire, ...]
    waits_for: Annotated[tuple[UnsignedWire, ...], Omitted] = ()
    signed_by: Annotated[str, Omitted] = ""


SubmissionStateText = Literal["taken", "waiting", "withdrawn"]
"""What submissions can be asked for by."""


class SubmissionProgress(Wire):
    """How far a submission is: its jobs, the oldest first; its `state`, where it was not taken.

    `signed` is the signed order by which it was withdrawn, and whether the signer has it.
    """

    id: int
    jobs: tuple[JobWire, ...]
    state: Annotated[str, Omitted] = ""
    signed: Annotated[dict[str, Any], Omitted] = Field(default_factory=dict)


class SubmittedRecipeWire(Wire):
    """A recipe of a submission, by its digest, and the names of those who have signed it there."""

    name: str
    recipe: Digest
    signed_by: tuple[str, ...]


class SubmissionRecordWire(Wire):
    """A submission as it came; `waits_for` are the recipes that an owner has still to sign."""

    id: int
    state: str
    submitted_by: str
    submitted_at: datetime
    recipes: tuple[SubmittedRecipeWire, ...]
    waits_for: tuple[UnsignedWire, ...]


class SubmissionPage(Wire):
    """Submissions, newest first; the next page is asked for with `before`, and there is none when that is null."""

    submissions: tuple[SubmissionRecordWire, ...]
    next_before: int | None


class SubmittedFilesWire(Wire):
    """A recipe of a submission: its files by name, base64, and those of the recipe that is current now.

    What is current is the farm's word: whoever signs compares with what is the person's own.
    """

    files: dict[str, str]
    current: dict[str, str]


class SubmissionContents(Wire):
    """A submission with all its files, and the envelopes in which it was signed, for whoever has to decide about it."""

    distribution: str
    submission: SubmissionRecordWire
    recipes: dict[RecipeName, SubmittedFilesWire]
    signatures: Annotated[tuple[dict[str, Any], ...], Omitted] = ()


class AcceptRequest(Wire):
    """An owner signs recipes of a submission that waits, in a DSSE envelope (JSON)."""

    envelope: dict[str, Any]


class SubmissionWithdrawalRequest(Wire):
    """A submission that waits is to come to nothing; an owner signs that, who sent it needs only the token.

    By the signed `order` what was signed of it counts with the signer no more.
    """

    envelope: Annotated[dict[str, Any] | None, Omitted] = None
    order: Annotated[dict[str, Any] | None, Omitted] = None
    why: Annotated[str, StringConstraints(max_length=2000)] = ""
