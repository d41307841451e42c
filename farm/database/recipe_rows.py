"""Rows of what maintainers submit: submissions, recipe revisions, and which revision of a recipe is current."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003  (SQLModel reads the annotations at run time)

from sqlalchemy import Index, Text
from sqlmodel import Field

from farm.database.columns import Row, UtcDateTime


class SubmissionRow(Row, table=True):
    """One POST of one or more recipes."""

    __tablename__ = "submission"

    id: int | None = Field(default=None, primary_key=True)
    submitted_by: str
    submitted_at: datetime = Field(sa_type=UtcDateTime)
    trace: str = Field(index=True)


class RecipeRevisionRow(Row, table=True):
    """The recipe's files as they were submitted once: a blob (canonical JSON of path to base64), never changed."""

    __tablename__ = "recipe_revision"

    id: int | None = Field(default=None, primary_key=True)
    digest: str = Field(unique=True)
    name: str = Field(index=True)
    version: str
    revision: int
    summary: str = Field(sa_type=Text)
    licence: str
    toolchain: str
    files: str  # digest of the blob
    submission_id: int = Field(foreign_key="submission.id", index=True)


class RecipeRow(Row, table=True):
    """A recipe by name: the revision that counts, and the newest build of it that succeeded."""

    __tablename__ = "recipe"

    name: str = Field(primary_key=True)
    current_id: int = Field(foreign_key="recipe_revision.id", index=True)
    built_id: int | None = Field(default=None, foreign_key="recipe_revision.id", index=True)
    built_plan: str | None = Field(default=None, foreign_key="plan.digest", index=True)
    built_at: datetime | None = Field(default=None, sa_type=UtcDateTime, index=True)  # when the two above changed
    newest_plan: str | None = Field(default=None, index=True)  # `built_plan`, or a later one that came to its files


class RecipeOutputRow(Row, table=True):
    """Which recipe makes the package of a name. A name belongs to one recipe."""

    __tablename__ = "recipe_output"

    package: str = Field(primary_key=True)
    recipe: str = Field(foreign_key="recipe.name", index=True)


class RecipeNeedRow(Row, table=True):
    """That the current revision of `recipe` is built in an environment that holds packages of `needs`."""

    __tablename__ = "recipe_need"
    __table_args__ = (Index("ix_recipe_need_needs", "needs", "recipe"),)

    recipe: str = Field(primary_key=True, foreign_key="recipe.name")
    needs: str = Field(primary_key=True)
