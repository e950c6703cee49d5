"""Whether a change is part of a shift of the whole population, as known when it was declared."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261124_population"
down_revision: str | None = "20261124_policy"
branch_labels: tuple[str, ...] | None = None
depends_on: tuple[str, ...] | None = None


def upgrade() -> None:
    op.add_column("mutations", sa.Column("population", postgresql.JSONB))


def downgrade() -> None:
    op.drop_column("mutations", "population")
