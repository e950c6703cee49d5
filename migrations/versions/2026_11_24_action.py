"""What follows from a detection: declared changes, a memory of the newest behaviours, the items a user has seen."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261124_action"
down_revision: str | None = "20261124_privacy"
branch_labels: tuple[str, ...] | None = None
depends_on: tuple[str, ...] | None = None

TIMESTAMP = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "mutations",
        sa.Column("domain", sa.Text, nullable=False),
        sa.Column("user_key", sa.LargeBinary, nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("mutation_id", sa.Uuid, nullable=False),
        sa.Column("position", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("xid", sa.BigInteger, server_default=sa.text("pg_current_xact_id()::text::bigint"), nullable=False),
        sa.Column("recorded_at", TIMESTAMP, server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("changed_at", TIMESTAMP, nullable=False),
        sa.Column("kind", sa.Text),
        sa.Column("change", postgresql.JSONB, nullable=False),
        sa.Column("gained", postgresql.JSONB, nullable=False),
        sa.Column("lost", postgresql.JSONB, nullable=False),
        sa.Column("profile_id", sa.Text),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("domain", "user_key", "sequence", name="pk_mutations"),
    )
    op.create_index("ix_mutations_mutation_id", "mutations", ["mutation_id"], unique=True)
    op.create_index("ix_mutations_position", "mutations", ["position"])
    op.create_index("ix_mutations_recorded_at", "mutations", ["domain", "recorded_at"])
    op.create_table(
        "user_memory",
        sa.Column("domain", sa.Text, nullable=False),
        sa.Column("user_key", sa.LargeBinary, nullable=False),
        sa.Column("ring", sa.SmallInteger, nullable=False),
        sa.Column("slot", sa.SmallInteger, nullable=False),
        sa.Column("arrival", sa.BigInteger, nullable=False),
        sa.Column("event_id", sa.Text, nullable=False),
        sa.Column("item_id", sa.Text),
        sa.Column("occurred_at", TIMESTAMP, nullable=False),
        sa.Column("counted_at", TIMESTAMP, nullable=False),
        sa.Column("weight", sa.REAL, nullable=False),
        sa.Column("space", sa.Text, nullable=False),
        sa.Column("codes", sa.LargeBinary, nullable=False),
        sa.Column("scale", sa.REAL, nullable=False),
        sa.PrimaryKeyConstraint("domain", "user_key", "ring", "slot", name="pk_user_memory"),
    )
    op.create_table(
        "seen_items",
        sa.Column("domain", sa.Text, nullable=False),
        sa.Column("user_key", sa.LargeBinary, nullable=False),
        sa.Column("item_id", sa.Text, nullable=False),
        sa.Column("seen_at", TIMESTAMP, nullable=False),
        sa.PrimaryKeyConstraint("domain", "user_key", "item_id", name="pk_seen_items"),
    )
    op.create_index("ix_seen_items_seen_at", "seen_items", ["seen_at"], postgresql_using="brin")


def downgrade() -> None:
    for table in ("seen_items", "user_memory", "mutations"):
        op.drop_table(table)
