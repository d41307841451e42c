"""What was attested since a release is looked up by its time."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_index("ix_attestation_at", "attestation", ["at"], unique=False)
