"""Who owns which recipes, who has signed them, and submissions that wait for an owner."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.execute(
        "ALTER TABLE submission ADD COLUMN state VARCHAR NOT NULL DEFAULT 'taken' "
        "CONSTRAINT ck_submission_state CHECK (state IN ('taken', 'waiting', 'withdrawn'))"
    )
    op.create_index("ix_submission_state", "submission", ["state", "id"])
    op.create_table(
        "submitted_recipe",
        sa.Column("submission_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("files", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["submission_id"], ["submission.id"], name="fk_submitted_recipe_submission_id"),
        sa.PrimaryKeyConstraint("submission_id", "name", name="pk_submitted_recipe"),
    )
    op.create_table(
        "recipe_signature",
        sa.Column("recipe", sa.String(), nullable=False),
        sa.Column("envelope", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("submission_id", sa.Integer(), nullable=False),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["submission_id"], ["submission.id"], name="fk_recipe_signature_submission_id"),
        sa.PrimaryKeyConstraint("recipe", "envelope", name="pk_recipe_signature"),
    )
    op.create_index("ix_recipe_signature_envelope", "recipe_signature", ["envelope"])
    op.create_index("ix_recipe_signature_submission_id", "recipe_signature", ["submission_id"])
    op.create_table(
        "ownership",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("owners", sa.Text(), nullable=True),
        sa.Column("curators", sa.Text(), nullable=False),
        sa.Column("trouble", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_ownership"),
    )
