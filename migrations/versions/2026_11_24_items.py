"""The catalogue: items, their vectors by space, what waits to be encoded, and the spaces in use."""

import sqlalchemy as sa
from alembic import op
from pgvector.sqlalchemy import HALFVEC
from sqlalchemy.dialects.postgresql import JSONB

from service.database.migrate import MigrationError

revision = "20261124_items"
down_revision: str | None = "20261124_action"
branch_labels: tuple[str, ...] | None = None
depends_on: tuple[str, ...] | None = None

OLDEST_VECTOR = (0, 8)
"""Of pgvector: half precision came with 0.7, searches that go on until filters have left enough with 0.8."""
TIMESTAMP = sa.DateTime(timezone=True)


def _key(table: str) -> tuple[sa.schema.SchemaItem, ...]:
    items = ["items.domain", "items.item_id"]
    return (
        sa.PrimaryKeyConstraint("domain", "item_id", "space", name=f"pk_{table}"),
        sa.ForeignKeyConstraint(
            ["domain", "item_id"], items, name=f"fk_{table}_domain_item_id_items", ondelete="CASCADE"
        ),
    )


def _install_vector() -> None:
    """Have pgvector in this database, new enough.

    Raises:
        MigrationError: it cannot be; the message says what an operator does.
    """
    bind = op.get_bind()
    held = "SELECT extversion FROM pg_extension WHERE extname = 'vector'"
    if bind.scalar(sa.text(held)) is None:
        if bind.scalar(sa.text("SELECT 1 FROM pg_available_extensions WHERE name = 'vector'")) is None:
            raise MigrationError(
                "this Postgres server does not have pgvector, which the catalogue's vectors need. Install pgvector 0.8 "
                "or newer on the server (package postgresql-NN-pgvector; the image pgvector/pgvector has it; most "
                "hosted services offer it) and start again"
            )
        try:
            with bind.begin_nested():
                bind.execute(sa.text("CREATE EXTENSION IF NOT EXISTS vector"))
        except sa.exc.DBAPIError as error:
            raise MigrationError(
                "pgvector cannot be switched on in this database: this user may not. Have an administrator run "
                "`CREATE EXTENSION vector` in it once, and start again"
            ) from error
    version = str(bind.scalar(sa.text(held)))
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST_VECTOR:
        raise MigrationError(
            f"this database has pgvector {version}, and 0.8 or newer is needed. Install a newer one on the server, run "
            "`ALTER EXTENSION vector UPDATE` in the database, and start again"
        )


def upgrade() -> None:
    _install_vector()
    op.create_table(
        "items",
        sa.Column("domain", sa.Text, nullable=False),
        sa.Column("item_id", sa.Text, nullable=False),
        sa.Column("text", sa.Text),
        sa.Column("content_hash", sa.LargeBinary, nullable=False),
        sa.Column("encodable", sa.Boolean, nullable=False),
        sa.Column("category", sa.Text),
        sa.Column("attributes", JSONB, nullable=False, server_default=sa.text("'{}'::jsonb")),
        sa.Column("expires_at", TIMESTAMP),
        sa.Column("created_at", TIMESTAMP, nullable=False, server_default=sa.text("now()")),
        sa.Column("updated_at", TIMESTAMP, nullable=False, server_default=sa.text("now()")),
        sa.PrimaryKeyConstraint("domain", "item_id", name="pk_items"),
    )
    op.create_index("ix_items_expires_at", "items", ["expires_at"], postgresql_where=sa.text("expires_at IS NOT NULL"))
    op.create_index("ix_items_own_vector", "items", ["domain", "item_id"], postgresql_where=sa.text("NOT encodable"))
    op.create_table(
        "item_vectors",
        sa.Column("domain", sa.Text, nullable=False),
        sa.Column("item_id", sa.Text, nullable=False),
        sa.Column("space", sa.Text, nullable=False),
        sa.Column("vector", HALFVEC, nullable=False),
        sa.Column("content_hash", sa.LargeBinary, nullable=False),
        sa.Column("category", sa.Text),
        sa.Column("expires_at", TIMESTAMP),
        *_key("item_vectors"),
    )
    op.create_index("ix_item_vectors_content", "item_vectors", ["space", "content_hash"])
    op.create_index(
        "ix_item_vectors_category",
        "item_vectors",
        ["domain", "space", "category"],
        postgresql_where=sa.text("category IS NOT NULL"),
    )
    op.create_table(
        "item_queue",
        sa.Column("domain", sa.Text, nullable=False),
        sa.Column("item_id", sa.Text, nullable=False),
        sa.Column("space", sa.Text, nullable=False),
        sa.Column("priority", sa.SmallInteger, nullable=False),
        sa.Column("position", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("claimed_until", TIMESTAMP),
        sa.Column("failure", sa.Text),
        *_key("item_queue"),
    )
    op.create_index(
        "ix_item_queue_waiting",
        "item_queue",
        ["space", "priority", "position"],
        postgresql_where=sa.text("failure IS NULL"),
    )
    op.create_table(
        "item_spaces",
        sa.Column("space", sa.Text, nullable=False),
        sa.Column("model_id", sa.Text, nullable=False),
        sa.Column("dim", sa.Integer, nullable=False),
        sa.Column("registered_at", TIMESTAMP, nullable=False, server_default=sa.text("now()")),
        sa.Column("seen_at", TIMESTAMP, nullable=False, server_default=sa.text("now()")),
        sa.Column("filled_at", TIMESTAMP),
        sa.Column("retired_at", TIMESTAMP),
        sa.PrimaryKeyConstraint("space", name="pk_item_spaces"),
    )


def downgrade() -> None:
    # The extension stays: others may use it.
    for table in ("item_spaces", "item_queue", "item_vectors", "items"):
        op.drop_table(table)
