"""Initial tables: users' states, snapshots, seen events, tombstones, installation."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261124_initial"
down_revision: str | None = None
branch_labels: tuple[str, ...] | None = None
depends_on: tuple[str, ...] | None = None

TIMESTAMP = sa.DateTime(timezone=True)


def _user_columns() -> list[sa.Column[object]]:
    return [sa.Column("domain", sa.Text, nullable=False), sa.Column("user_key", sa.LargeBinary, nullable=False)]


def upgrade() -> None:
    op.create_table(
        "user_states",
        *_user_columns(),
        sa.Column("state", sa.LargeBinary),
        sa.Column("space", sa.Text),
        sa.Column("profile_id", sa.Text),
        sa.Column("sequence", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        sa.Column("recent_events", postgresql.JSONB, nullable=False, server_default=sa.text("'[]'::jsonb")),
        sa.Column("created_at", TIMESTAMP, nullable=False, server_default=sa.text("now()")),
        sa.Column("updated_at", TIMESTAMP, nullable=False, server_default=sa.text("now()")),
        sa.PrimaryKeyConstraint("domain", "user_key", name="pk_user_states"),
    )
    op.create_table(
        "snapshots",
        *_user_columns(),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("snapshot_id", sa.Uuid, nullable=False),
        sa.Column("taken_at", TIMESTAMP, nullable=False),
        sa.Column("taken_for", sa.Text, nullable=False),
        sa.Column("as_of", TIMESTAMP, nullable=False),
        sa.Column("behaviors", sa.BigInteger, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("mutated", sa.Boolean, nullable=False),
        sa.Column("change", postgresql.JSONB, nullable=False),
        sa.Column("scores", postgresql.JSONB, nullable=False),
        sa.Column("topics", postgresql.JSONB, nullable=False),
        sa.Column("z", sa.LargeBinary, nullable=False),
        sa.Column("z_previous", sa.LargeBinary),
        sa.Column("model_digest", sa.Text, nullable=False),
        sa.Column("profile_id", sa.Text),
        sa.PrimaryKeyConstraint("domain", "user_key", "sequence", name="pk_snapshots"),
    )
    op.create_index("ix_snapshots_taken_at", "snapshots", ["domain", "user_key", "taken_at"])
    op.create_index(
        "ix_snapshots_changes",
        "snapshots",
        ["domain", "user_key", "sequence"],
        postgresql_where=sa.text("taken_for = 'change'"),
    )
    op.create_table(
        "seen_events",
        *_user_columns(),
        sa.Column("event_id", sa.Text, nullable=False),
        sa.Column("occurred_at", TIMESTAMP, nullable=False),
        sa.PrimaryKeyConstraint("domain", "user_key", "event_id", name="pk_seen_events"),
    )
    op.create_table(
        "tombstones",
        *_user_columns(),
        sa.Column("deleted_at", TIMESTAMP, nullable=False),
        sa.PrimaryKeyConstraint("domain", "user_key", name="pk_tombstones"),
    )
    op.create_table(
        "installation",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_installation"),
    )


def downgrade() -> None:
    for table in ("installation", "tombstones", "seen_events", "snapshots", "user_states"):
        op.drop_table(table)
