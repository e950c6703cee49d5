"""Webhooks, what they are sent, and how far the outbox was read."""

import sqlalchemy as sa
from alembic import op

revision = "20261124_webhooks"
down_revision: str | None = "20261124_items"
branch_labels: tuple[str, ...] | None = None
depends_on: tuple[str, ...] | None = None

TIMESTAMP = sa.DateTime(timezone=True)
PENDING = sa.text("state = 'pending'")


def upgrade() -> None:
    op.create_table(
        "webhooks",
        sa.Column("webhook_id", sa.Uuid, nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("domain", sa.Text),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("disabled_reason", sa.Text),
        sa.Column("secret", sa.LargeBinary, nullable=False),
        sa.Column("previous_secret", sa.LargeBinary),
        sa.Column("previous_until", TIMESTAMP),
        sa.Column("failing_since", TIMESTAMP),
        sa.Column("since_xid", sa.BigInteger, nullable=False),
        sa.Column("created_at", TIMESTAMP, nullable=False),
        sa.PrimaryKeyConstraint("webhook_id", name="pk_webhooks"),
    )
    op.create_table(
        "webhook_deliveries",
        sa.Column("domain", sa.Text, nullable=False),
        sa.Column("user_key", sa.LargeBinary, nullable=False),
        sa.Column("mutation_id", sa.Uuid, nullable=False),
        sa.Column("webhook_id", sa.Uuid, nullable=False),
        sa.Column("number", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("state", sa.Text, server_default=sa.text("'pending'::text"), nullable=False),
        sa.Column("attempts", sa.BigInteger, server_default=sa.text("0"), nullable=False),
        sa.Column("retries", sa.BigInteger, server_default=sa.text("0"), nullable=False),
        sa.Column("due_at", TIMESTAMP, nullable=False),
        sa.Column("created_at", TIMESTAMP, nullable=False),
        sa.Column("attempted_at", TIMESTAMP),
        sa.Column("ended_at", TIMESTAMP),
        sa.Column("status", sa.BigInteger),
        sa.Column("error", sa.Text),
        sa.PrimaryKeyConstraint("domain", "user_key", "mutation_id", "webhook_id", name="pk_webhook_deliveries"),
    )
    op.create_index("ix_webhook_deliveries_number", "webhook_deliveries", ["number"], unique=True)
    op.create_index("ix_webhook_deliveries_newest", "webhook_deliveries", ["webhook_id", "number"])
    op.create_index(
        "ix_webhook_deliveries_due", "webhook_deliveries", ["webhook_id", "due_at"], postgresql_where=PENDING
    )
    op.create_index(
        "ix_webhook_deliveries_oldest", "webhook_deliveries", ["webhook_id", "created_at"], postgresql_where=PENDING
    )
    op.create_index("ix_webhook_deliveries_created_at", "webhook_deliveries", ["created_at"])
    op.create_index("ix_mutations_xid", "mutations", ["xid", "position"])
    op.create_table(
        "outbox_cursors",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("xid", sa.BigInteger, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_outbox_cursors"),
    )


def downgrade() -> None:
    op.drop_table("outbox_cursors")
    op.drop_index("ix_mutations_xid", "mutations")
    op.drop_table("webhook_deliveries")
    op.drop_table("webhooks")
