"""By which secret users' keys were made, and indexes to find what is too old to keep."""

import sqlalchemy as sa
from alembic import op

revision = "20261124_privacy"
down_revision: str | None = "20261124_access"
branch_labels: tuple[str, ...] | None = None
depends_on: tuple[str, ...] | None = None

# All keys so far were made by the one secret whose fingerprint is kept. As a default that is dropped again, this is
# known of every row at once and none is rewritten.
FIRST_KEY_ID = "SELECT left(value, 16) FROM installation WHERE name = 'user_key_fingerprint'"


def upgrade() -> None:
    known = op.get_bind().scalar(sa.text(FIRST_KEY_ID))
    for table in ("user_states", "tombstones"):
        op.add_column(table, sa.Column("key_id", sa.Text, server_default=known))
        op.alter_column(table, "key_id", server_default=None)
    op.create_index("ix_tombstones_deleted_at", "tombstones", ["deleted_at"])
    op.drop_constraint("pk_seen_events", "seen_events")
    op.execute(
        "ALTER TABLE seen_events ADD CONSTRAINT pk_seen_events "
        "PRIMARY KEY (domain, user_key, event_id) INCLUDE (occurred_at)"
    )


def downgrade() -> None:
    op.drop_constraint("pk_seen_events", "seen_events")
    op.create_primary_key("pk_seen_events", "seen_events", ["domain", "user_key", "event_id"])
    op.drop_index("ix_tombstones_deleted_at", "tombstones")
    for table in ("tombstones", "user_states"):
        op.drop_column(table, "key_id")
