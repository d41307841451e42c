"""Rows of submissions, recipe revisions, and which revision of a recipe is current."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003  (SQLModel reads the annotations at run time)

from sqlalchemy import CheckConstraint, Index, Text, false
from sqlmodel import Field

from farm.server.tables.columns import Enumerated, NumberedRow, Row, UtcDateTime
from farm.server.tables.states import SubmissionState


class SubmissionRow(NumberedRow, table=True):
    """One submission of one or more recipes."""

    __table_args__ = (
        CheckConstraint("state IN ('taken', 'waiting', 'preview', 'withdrawn', 'expired')", "state"),
        Index("ix_submission_state", "state", "id"),
    )

    submitted_by: str
    submitted_at: datetime = Field(sa_type=UtcDateTime)
    trace: str = Field(index=True)
    state: SubmissionState = Field(
        default=SubmissionState.TAKEN,
        sa_type=Enumerated(SubmissionState),
        sa_column_kwargs={"server_default": SubmissionState.TAKEN},
    )


class SubmittedRecipeRow(Row, table=True):
    """A recipe of a submission as it arrived, whether or not it became current; `files` as in `RecipeRevisionRow`."""

    submission_id: int = Field(primary_key=True, foreign_key="submission.id")
    name: str = Field(primary_key=True)
    digest: str
    files: str  # digest of the blob


class RecipeSignatureRow(Row, table=True):
    """A person's signature on a recipe, in the envelope (a blob) that came with a submission.

    An envelope counts for that submission alone: sending it again is no new signature.
    """

    recipe: str = Field(primary_key=True)  # digest
    envelope: str = Field(primary_key=True, index=True)  # digest of the blob
    person: str
    submission_id: int = Field(foreign_key="submission.id", index=True)
    signed_at: datetime = Field(sa_type=UtcDateTime)


class OwnershipRow(Row, table=True):
    """The owners of recipes: one row, written by control from the files `OWNERS` and `curators.yaml`."""

    id: int = Field(default=1, primary_key=True)
    owners: str | None = Field(default=None, sa_type=Text)  # the text in force; None: recipes have no owners
    curators: str = Field(default="{}", sa_type=Text)  # JSON: keys by name, by group
    trouble: str = Field(default="", sa_type=Text)  # why nothing can be submitted, one line for each error


class RecipeRevisionRow(NumberedRow, table=True):
    """A recipe's files as they were submitted: a blob (canonical JSON of path to base64) that never changes."""

    digest: str = Field(unique=True)
    name: str = Field(index=True)
    version: str
    revision: int
    summary: str = Field(sa_type=Text)
    license: str = Field(sa_column_kwargs={"name": "license"})
    toolchain: str
    files: str  # digest of the blob
    submission_id: int = Field(foreign_key="submission.id", index=True)
    # Whether its `RevisionNeedRow`s are what it names, and not those that a migration made of older rows.
    needs_kept: bool = Field(default=False, sa_column_kwargs={"server_default": false()})


class RevisionNeedRow(Row, table=True):
    """A revision of a recipe names a package: to be built with, or at run time."""

    __table_args__ = (Index("ix_revision_need_package", "package", "at_build", "revision_id"),)

    revision_id: int = Field(primary_key=True, foreign_key="recipe_revision.id")
    package: str = Field(primary_key=True)
    at_build: bool = Field(primary_key=True)


class RecipeRow(Row, table=True):
    """A recipe by name: its current revision, and its newest successful build."""

    name: str = Field(primary_key=True)
    current_id: int = Field(foreign_key="recipe_revision.id", index=True)
    built_id: int | None = Field(default=None, foreign_key="recipe_revision.id", index=True)
    built_plan: str | None = Field(default=None, foreign_key="plan.digest", index=True)
    built_at: datetime | None = Field(default=None, sa_type=UtcDateTime, index=True)  # when the two above changed
    newest_plan: str | None = Field(default=None, index=True)  # `built_plan`, or a later one with the same files


class RecipeOutputRow(Row, table=True):
    """The recipe that makes the package of a name. A name belongs to one recipe."""

    package: str = Field(primary_key=True)
    recipe: str = Field(foreign_key="recipe.name", index=True)
