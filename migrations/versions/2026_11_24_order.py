"""Behaviours whose order is still open, beside the state before them; answers under an Idempotency-Key."""

import sqlalchemy as sa
from alembic import op

revision = "20261124_order"
down_revision: str | None = "20261124_noise"
branch_labels: tuple[str, ...] | None = None
depends_on: tuple[str, ...] | None = None


def upgrade() -> None:
    op.add_column("user_states", sa.Column("pending", sa.LargeBinary))
    op.create_table(
        "idempotency_records",
        sa.Column("domain", sa.Text, nullable=False),
        sa.Column("user_key", sa.LargeBinary, nullable=False),
        sa.Column("key_hash", sa.LargeBinary, nullable=False),
        sa.Column("fingerprint", sa.LargeBinary, nullable=False),
        sa.Column("response", sa.LargeBinary, nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("domain", "user_key", "key_hash", name="pk_idempotency_records"),
    )
    op.create_index("ix_idempotency_records_expires_at", "idempotency_records", ["expires_at"])


def downgrade() -> None:
    op.drop_table("idempotency_records")
    # The open behaviours are lost: the state before them is what an older version goes on from.
    op.drop_column("user_states", "pending")
