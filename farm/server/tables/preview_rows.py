"""Rows of previews: what a submission would change, built and tested apart from everything else of the farm.

The farm's own tables name nothing of a preview: no query of theirs can find its packages.
"""

from __future__ import annotations

from datetime import datetime  # noqa: TC003  (SQLModel reads the annotations at run time)

from sqlalchemy import Index, Text
from sqlmodel import Field

from farm.server.tables.columns import Row, UtcDateTime
from farm.server.tables.package_rows import PackageColumns


class PreviewRow(Row, table=True):
    """The preview that a submission asked for, of the state `preview` or a later one."""

    submission_id: int = Field(primary_key=True, foreign_key="submission.id")
    channel: str  # where it would be released
    origin: str = Field(default="", sa_type=Text)  # where its submitter read the recipes: a commit, or a patch
    expires_at: datetime = Field(sa_type=UtcDateTime, index=True)
    verdict: str = Field(default="", sa_type=Text)  # canonical JSON of a `PreviewVerdict`; empty: none yet
    release: str = ""  # digest of its published release; empty: none
    removed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)  # when its builds were removed


class PreviewRecipeRow(Row, table=True):
    """A recipe that a preview changes or builds again: as `RecipeRow`, seen by the preview alone."""

    preview: int = Field(primary_key=True, foreign_key="preview.submission_id")
    name: str = Field(primary_key=True)
    current_id: int = Field(foreign_key="recipe_revision.id", index=True)
    built_id: int | None = Field(default=None, foreign_key="recipe_revision.id")
    built_plan: str | None = Field(default=None, foreign_key="plan.digest")
    newest_plan: str | None = None
    base_id: int | None = Field(default=None, foreign_key="recipe_revision.id")  # the farm's current one at that time


class PreviewPackageRow(PackageColumns, table=True):
    """A package that was built for a preview."""

    __table_args__ = (Index("ix_preview_package_name", "name", "preview"),)

    preview: int = Field(primary_key=True, foreign_key="preview.submission_id")
    consumed: str = Field(default="[]", sa_type=Text)  # JSON: [library, tree, opened files], see `Consumption`
