"""An index of a domain's newest items, which are recommended while little is popular."""

from alembic import op

revision = "20261124_newest"
down_revision: str | None = "20261124_population"
branch_labels: tuple[str, ...] | None = None
depends_on: tuple[str, ...] | None = None


def upgrade() -> None:
    op.create_index("ix_items_created_at", "items", ["domain", "created_at"])


def downgrade() -> None:
    op.drop_index("ix_items_created_at", "items")
