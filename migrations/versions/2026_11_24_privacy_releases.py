"""Vectors that left the service with noise, and what they cost of their user's privacy budget."""

import sqlalchemy as sa
from alembic import op

revision = "20261124_noise"
down_revision: str | None = "20261124_initial"
branch_labels: tuple[str, ...] | None = None
depends_on: tuple[str, ...] | None = None


def upgrade() -> None:
    op.create_table(
        "privacy_releases",
        sa.Column("domain", sa.Text, nullable=False),
        sa.Column("user_key", sa.LargeBinary, nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("snapshot_id", sa.Uuid, nullable=False),
        sa.Column("model_digest", sa.Text, nullable=False),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cost", sa.Double, nullable=False),
        sa.Column("z", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("domain", "user_key", "sequence", name="pk_privacy_releases"),
    )
    op.create_index("ix_privacy_releases_released_at", "privacy_releases", ["released_at"])


def downgrade() -> None:
    op.drop_table("privacy_releases")
