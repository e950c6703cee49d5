"""Behaviours whose order is still open, beside the state before them."""

import sqlalchemy as sa
from alembic import op

revision = "20261124_order"
down_revision: str | None = "20261124_initial"
branch_labels: tuple[str, ...] | None = None
depends_on: tuple[str, ...] | None = None


def upgrade() -> None:
    op.add_column("user_states", sa.Column("pending", sa.LargeBinary))


def downgrade() -> None:
    # The open behaviours are lost: the state before them is what an older version goes on from.
    op.drop_column("user_states", "pending")
