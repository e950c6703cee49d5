"""When a user had to do with an item first, and what users took up after it."""

import sqlalchemy as sa
from alembic import op

revision = "20261124_related"
down_revision: str | None = "20261124_newest"
branch_labels: tuple[str, ...] | None = None
depends_on: tuple[str, ...] | None = None

TIMESTAMP = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("seen_items", sa.Column("first_seen_at", TIMESTAMP))
    # One pass that writes the table anew: an update would leave as many dead rows as there are rows, and go through an
    # index for each. Of rows that are there, no more is known than the latest time.
    op.execute(
        """
        ALTER TABLE seen_items
            ALTER COLUMN first_seen_at TYPE timestamptz USING seen_at, ALTER COLUMN first_seen_at SET NOT NULL,
            ALTER COLUMN first_seen_at SET DEFAULT now()
        """
    )  # the default is for replicas of the version before, while replicas are exchanged one by one
    op.create_table(
        "item_successors",
        sa.Column("domain", sa.Text, nullable=False),
        sa.Column("item_id", sa.Text, nullable=False),
        sa.Column("total", sa.BigInteger, nullable=False),
        sa.Column("kept", sa.BigInteger, nullable=False),
        sa.Column("successor_ids", sa.ARRAY(sa.Text), nullable=False),
        sa.Column("codes", sa.LargeBinary, nullable=False),
        sa.Column("counted_at", TIMESTAMP, nullable=False),
        sa.PrimaryKeyConstraint("domain", "item_id", name="pk_item_successors"),
    )
    # Requests read the codes of many rows: they stay in the row as they are, and the ids go elsewhere where both are
    # too long for it.
    op.execute("ALTER TABLE item_successors ALTER COLUMN codes SET STORAGE PLAIN")
    op.create_table(
        "successor_totals",
        sa.Column("domain", sa.Text, nullable=False),
        sa.Column("mass", sa.Double, nullable=False),
        sa.Column("counted_at", TIMESTAMP, nullable=False),
        sa.PrimaryKeyConstraint("domain", name="pk_successor_totals"),
    )


def downgrade() -> None:
    op.execute("DELETE FROM installation WHERE name IN ('successors_mark', 'successors_last_count')")
    op.drop_table("successor_totals")
    op.drop_table("item_successors")
    op.drop_column("seen_items", "first_seen_at")
