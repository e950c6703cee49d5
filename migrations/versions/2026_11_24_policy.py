"""Since when the present regime lasts, and how popular items are."""

import sqlalchemy as sa
from alembic import op

revision = "20261124_policy"
down_revision: str | None = "20261124_webhooks"
branch_labels: tuple[str, ...] | None = None
depends_on: tuple[str, ...] | None = None


def upgrade() -> None:
    op.add_column("user_states", sa.Column("since", sa.DateTime(timezone=True)))
    op.create_table(
        "item_popularity",
        sa.Column("domain", sa.Text, nullable=False),
        sa.Column("item_id", sa.Text, nullable=False),
        sa.Column("users", sa.BigInteger, nullable=False),
        sa.Column("counted_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("domain", "item_id", name="pk_item_popularity"),
    )
    op.create_index("ix_item_popularity_users", "item_popularity", ["domain", sa.text("users DESC")])


def downgrade() -> None:
    op.drop_table("item_popularity")
    op.drop_column("user_states", "since")
