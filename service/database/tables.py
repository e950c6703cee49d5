"""The tables. Every key of a user's data begins with (domain, user_key), so that tables can be split by user."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pgvector.sqlalchemy import HALFVEC
from sqlalchemy import (
    REAL,
    BigInteger,
    Boolean,
    DateTime,
    Double,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    Text,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from service.database.base import Base

TIMESTAMP = DateTime(timezone=True)


class UserStateRow(Base):
    """One user's detector state in one domain. Its row lock is what serialises the user's requests.

    `state` is the state before the behaviours whose order is still open; `pending` is these.
    """

    __tablename__ = "user_states"

    domain: Mapped[str] = mapped_column(Text, primary_key=True)
    user_key: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    state: Mapped[bytes | None] = mapped_column(LargeBinary)
    pending: Mapped[bytes | None] = mapped_column(LargeBinary)
    space: Mapped[str | None] = mapped_column(Text)
    profile_id: Mapped[str | None] = mapped_column(Text)
    sequence: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    recent_events: Mapped[list[Any]] = mapped_column(JSONB, server_default=text("'[]'::jsonb"))
    created_at: Mapped[datetime] = mapped_column(TIMESTAMP, server_default=text("now()"))
    updated_at: Mapped[datetime] = mapped_column(TIMESTAMP, server_default=text("now()"))
    key_id: Mapped[str | None] = mapped_column(Text)
    since: Mapped[datetime | None] = mapped_column(TIMESTAMP)


class SnapshotRow(Base):
    """A decision and what it rested on. Written once, never changed."""

    __tablename__ = "snapshots"
    __table_args__ = (
        Index("ix_snapshots_taken_at", "domain", "user_key", "taken_at"),
        Index(
            "ix_snapshots_changes",
            "domain",
            "user_key",
            "sequence",
            postgresql_where=text("taken_for = 'change'"),
        ),
    )

    domain: Mapped[str] = mapped_column(Text, primary_key=True)
    user_key: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    sequence: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    snapshot_id: Mapped[UUID] = mapped_column(Uuid)
    taken_at: Mapped[datetime] = mapped_column(TIMESTAMP)
    taken_for: Mapped[str] = mapped_column(Text)
    as_of: Mapped[datetime] = mapped_column(TIMESTAMP)
    behaviors: Mapped[int] = mapped_column(BigInteger)
    status: Mapped[str] = mapped_column(Text)
    mutated: Mapped[bool] = mapped_column(Boolean)
    change: Mapped[dict[str, Any]] = mapped_column(JSONB)
    scores: Mapped[dict[str, Any]] = mapped_column(JSONB)
    topics: Mapped[list[Any]] = mapped_column(JSONB)
    z: Mapped[bytes] = mapped_column(LargeBinary)
    z_previous: Mapped[bytes | None] = mapped_column(LargeBinary)
    model_digest: Mapped[str] = mapped_column(Text)
    profile_id: Mapped[str | None] = mapped_column(Text)


class SeenEventRow(Base):
    """An event already taken into a user's state: the same event again is a duplicate."""

    __tablename__ = "seen_events"
    # With the time in the key's index, what is too old to keep is found without a look at the table.
    __table_args__ = (PrimaryKeyConstraint("domain", "user_key", "event_id", postgresql_include=["occurred_at"]),)

    domain: Mapped[str] = mapped_column(Text, primary_key=True)
    user_key: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    event_id: Mapped[str] = mapped_column(Text, primary_key=True)
    occurred_at: Mapped[datetime] = mapped_column(TIMESTAMP)


class MutationRow(Base):
    """A change that was declared, written with its snapshot: what webhooks, the stream and populations are told of.

    `position` is the order of insertion, in which rows may become visible late: a reader who takes only rows whose
    `xid` no running transaction can be below (`pg_snapshot_xmin`) misses none. `sealed` is the user's id, see
    `service.sealing`.
    """

    __tablename__ = "mutations"
    __table_args__ = (
        Index("ix_mutations_mutation_id", "mutation_id", unique=True),
        Index("ix_mutations_position", "position"),
        Index("ix_mutations_xid", "xid", "position"),
        Index("ix_mutations_recorded_at", "domain", "recorded_at"),
    )

    domain: Mapped[str] = mapped_column(Text, primary_key=True)
    user_key: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    sequence: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    mutation_id: Mapped[UUID] = mapped_column(Uuid)
    position: Mapped[int] = mapped_column(BigInteger, Identity(always=True))
    xid: Mapped[int] = mapped_column(BigInteger, server_default=text("pg_current_xact_id()::text::bigint"))
    recorded_at: Mapped[datetime] = mapped_column(TIMESTAMP, server_default=text("clock_timestamp()"))
    changed_at: Mapped[datetime] = mapped_column(TIMESTAMP)
    kind: Mapped[str | None] = mapped_column(Text)
    change: Mapped[dict[str, Any]] = mapped_column(JSONB)
    gained: Mapped[list[Any]] = mapped_column(JSONB)
    lost: Mapped[list[Any]] = mapped_column(JSONB)
    profile_id: Mapped[str | None] = mapped_column(Text)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    population: Mapped[dict[str, Any] | None] = mapped_column(JSONB)


class MemoryRow(Base):
    """One of a user's newest behaviours, for recommendations: a ring of slots for each of the newest regimes.

    `arrival` counts the user's behaviours as they came; `codes` and `scale` are the vector, see
    `service.detection.coded.Coded`; `space` tells which model's.
    """

    __tablename__ = "user_memory"

    domain: Mapped[str] = mapped_column(Text, primary_key=True)
    user_key: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    ring: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    slot: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    arrival: Mapped[int] = mapped_column(BigInteger)
    event_id: Mapped[str] = mapped_column(Text)
    item_id: Mapped[str | None] = mapped_column(Text)
    occurred_at: Mapped[datetime] = mapped_column(TIMESTAMP)
    counted_at: Mapped[datetime] = mapped_column(TIMESTAMP)
    weight: Mapped[float] = mapped_column(REAL)
    space: Mapped[str] = mapped_column(Text)
    codes: Mapped[bytes] = mapped_column(LargeBinary)
    scale: Mapped[float] = mapped_column(REAL)


class SeenItemRow(Base):
    """An item that a behaviour of the user was about, which need not be recommended again.

    `first_seen_at` is the time of the first such behaviour, `seen_at` that of the latest.
    """

    __tablename__ = "seen_items"
    # Small whatever the table's size, and rows are found by it as long as they lie in the order in which they came.
    __table_args__ = (Index("ix_seen_items_seen_at", "seen_at", postgresql_using="brin"),)

    domain: Mapped[str] = mapped_column(Text, primary_key=True)
    user_key: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    item_id: Mapped[str] = mapped_column(Text, primary_key=True)
    seen_at: Mapped[datetime] = mapped_column(TIMESTAMP)
    first_seen_at: Mapped[datetime] = mapped_column(TIMESTAMP, server_default=func.now())


class ItemPopularityRow(Base):
    """How many users had to do with an item lately: so many since `counted_at`."""

    __tablename__ = "item_popularity"
    __table_args__ = (Index("ix_item_popularity_users", "domain", text("users DESC")),)

    domain: Mapped[str] = mapped_column(Text, primary_key=True)
    item_id: Mapped[str] = mapped_column(Text, primary_key=True)
    users: Mapped[int] = mapped_column(BigInteger)
    counted_at: Mapped[datetime] = mapped_column(TIMESTAMP)


class ItemSuccessorsRow(Base):
    """What users took up soon after an item: so many since `counted_at`.

    `total` counts all pairs of this item and a later one, `kept` those whose later item is in `successor_ids`, the one
    of most users first. `codes` has 16 bytes for each of these, see `service.recommendations.successors_repository`.
    """

    __tablename__ = "item_successors"

    domain: Mapped[str] = mapped_column(Text, primary_key=True)
    item_id: Mapped[str] = mapped_column(Text, primary_key=True)
    total: Mapped[int] = mapped_column(BigInteger)
    kept: Mapped[int] = mapped_column(BigInteger)
    successor_ids: Mapped[list[str]] = mapped_column(ARRAY(Text))
    codes: Mapped[bytes] = mapped_column(LargeBinary)
    counted_at: Mapped[datetime] = mapped_column(TIMESTAMP)


class SuccessorTotalRow(Base):
    """How often each item of a domain was taken up soon after another: the sum over them, to the power 0.75."""

    __tablename__ = "successor_totals"

    domain: Mapped[str] = mapped_column(Text, primary_key=True)
    mass: Mapped[float] = mapped_column(Double)
    counted_at: Mapped[datetime] = mapped_column(TIMESTAMP)


class IdempotencyRecordRow(Base):
    """The answer to a request that was carried out under an `Idempotency-Key`. The user's id is not in it."""

    __tablename__ = "idempotency_records"
    __table_args__ = (Index("ix_idempotency_records_expires_at", "expires_at"),)

    domain: Mapped[str] = mapped_column(Text, primary_key=True)
    user_key: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    key_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary)
    response: Mapped[bytes] = mapped_column(LargeBinary)
    expires_at: Mapped[datetime] = mapped_column(TIMESTAMP)


class TombstoneRow(Base):
    """A user was erased at this time: behaviours from before it must not bring the user back."""

    __tablename__ = "tombstones"
    __table_args__ = (Index("ix_tombstones_deleted_at", "deleted_at"),)

    domain: Mapped[str] = mapped_column(Text, primary_key=True)
    user_key: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    deleted_at: Mapped[datetime] = mapped_column(TIMESTAMP)
    key_id: Mapped[str | None] = mapped_column(Text)


class PrivacyReleaseRow(Base):
    """A snapshot's vector as it left the service, with noise. Sent again, it is this very vector, and costs nothing."""

    __tablename__ = "privacy_releases"
    __table_args__ = (Index("ix_privacy_releases_released_at", "released_at"),)

    domain: Mapped[str] = mapped_column(Text, primary_key=True)
    user_key: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    sequence: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    snapshot_id: Mapped[UUID] = mapped_column(Uuid)
    model_digest: Mapped[str] = mapped_column(Text)
    released_at: Mapped[datetime] = mapped_column(TIMESTAMP)
    cost: Mapped[float] = mapped_column(Double)
    z: Mapped[bytes] = mapped_column(LargeBinary)


class ItemRow(Base):
    """An item of the catalogue. A user's data is not in it.

    `content_hash` is of what its vector is made from, see `service.items.content`; `encodable` says that this is its
    text, so that any model can encode it, and not a vector that it came with.
    """

    __tablename__ = "items"
    __table_args__ = (
        Index("ix_items_expires_at", "expires_at", postgresql_where=text("expires_at IS NOT NULL")),
        Index("ix_items_own_vector", "domain", "item_id", postgresql_where=text("NOT encodable")),
        Index("ix_items_created_at", "domain", "created_at"),
    )

    domain: Mapped[str] = mapped_column(Text, primary_key=True)
    item_id: Mapped[str] = mapped_column(Text, primary_key=True)
    written: Mapped[str | None] = mapped_column("text", Text)
    content_hash: Mapped[bytes] = mapped_column(LargeBinary)
    encodable: Mapped[bool] = mapped_column(Boolean)
    category: Mapped[str | None] = mapped_column(Text)
    attributes: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'::jsonb"))
    expires_at: Mapped[datetime | None] = mapped_column(TIMESTAMP)
    created_at: Mapped[datetime] = mapped_column(TIMESTAMP, server_default=text("now()"))
    updated_at: Mapped[datetime] = mapped_column(TIMESTAMP, server_default=text("now()"))


class ItemVectorRow(Base):
    """An item's vector in one model's space, of any size. `content_hash` is of what it was made from.

    Category and expiry are the item's, once more: what leaves items out of a search must be in the row that the search
    reads. Beside these indexes there is one of neighbours for each large domain and space: see
    `service.items.index_repository`.
    """

    __tablename__ = "item_vectors"
    __table_args__ = (
        ForeignKeyConstraint(["domain", "item_id"], ["items.domain", "items.item_id"], ondelete="CASCADE"),
        Index("ix_item_vectors_content", "space", "content_hash"),
        Index(
            "ix_item_vectors_category",
            "domain",
            "space",
            "category",
            postgresql_where=text("category IS NOT NULL"),
        ),
    )

    domain: Mapped[str] = mapped_column(Text, primary_key=True)
    item_id: Mapped[str] = mapped_column(Text, primary_key=True)
    space: Mapped[str] = mapped_column(Text, primary_key=True)
    vector: Mapped[Any] = mapped_column(HALFVEC)
    content_hash: Mapped[bytes] = mapped_column(LargeBinary)
    category: Mapped[str | None] = mapped_column(Text)
    expires_at: Mapped[datetime | None] = mapped_column(TIMESTAMP)


class ItemQueueRow(Base):
    """An item whose text waits to be encoded for a space, or could not be: then `failure` says why.

    `priority` is 0 for what a client sent, 1 for the whole catalogue encoded again for another model. `claimed_until`
    keeps others off while a replica encodes it; what a killed replica had claimed is free again after that.
    """

    __tablename__ = "item_queue"
    __table_args__ = (
        ForeignKeyConstraint(["domain", "item_id"], ["items.domain", "items.item_id"], ondelete="CASCADE"),
        Index("ix_item_queue_waiting", "space", "priority", "position", postgresql_where=text("failure IS NULL")),
    )

    domain: Mapped[str] = mapped_column(Text, primary_key=True)
    item_id: Mapped[str] = mapped_column(Text, primary_key=True)
    space: Mapped[str] = mapped_column(Text, primary_key=True)
    priority: Mapped[int] = mapped_column(SmallInteger)
    position: Mapped[int] = mapped_column(BigInteger, Identity(always=True))
    claimed_until: Mapped[datetime | None] = mapped_column(TIMESTAMP)
    failure: Mapped[str | None] = mapped_column(Text)


class ItemSpaceRow(Base):
    """A model's space that replicas serve, or served: each announces its own while it lives.

    `filled_at` is when every item that was there at first had been queued for it; `retired_at` when its vectors began
    to be removed, because nobody uses them any more.
    """

    __tablename__ = "item_spaces"

    space: Mapped[str] = mapped_column(Text, primary_key=True)
    model_id: Mapped[str] = mapped_column(Text)
    dim: Mapped[int] = mapped_column(Integer)
    registered_at: Mapped[datetime] = mapped_column(TIMESTAMP, server_default=text("now()"))
    seen_at: Mapped[datetime] = mapped_column(TIMESTAMP, server_default=text("now()"))
    filled_at: Mapped[datetime | None] = mapped_column(TIMESTAMP)
    retired_at: Mapped[datetime | None] = mapped_column(TIMESTAMP)


class InstallationRow(Base):
    """What must be the same for every replica on this database, such as the fingerprint of the user-key secret."""

    __tablename__ = "installation"

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    value: Mapped[str] = mapped_column(Text)


class ApiKeyRow(Base):
    """An API key. Its secret is not here, only a hash of it; see `service.access.keys`."""

    __tablename__ = "api_keys"

    key_id: Mapped[str] = mapped_column(Text, primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    secret_hash: Mapped[bytes] = mapped_column(LargeBinary)
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    created_at: Mapped[datetime] = mapped_column(TIMESTAMP)
    expires_at: Mapped[datetime | None] = mapped_column(TIMESTAMP)
    revoked_at: Mapped[datetime | None] = mapped_column(TIMESTAMP)
    rate_limit: Mapped[str | None] = mapped_column(Text)


class WebhookRow(Base):
    """Who is told of changes. Its secrets are sealed; see `service.sealing`.

    Changes whose transaction began after `since_xid` are told.
    """

    __tablename__ = "webhooks"

    webhook_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    url: Mapped[str] = mapped_column(Text)
    domain: Mapped[str | None] = mapped_column(Text)
    description: Mapped[str] = mapped_column(Text)
    enabled: Mapped[bool] = mapped_column(Boolean)
    disabled_reason: Mapped[str | None] = mapped_column(Text)
    secret: Mapped[bytes] = mapped_column(LargeBinary)
    previous_secret: Mapped[bytes | None] = mapped_column(LargeBinary)
    previous_until: Mapped[datetime | None] = mapped_column(TIMESTAMP)
    failing_since: Mapped[datetime | None] = mapped_column(TIMESTAMP)
    since_xid: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(TIMESTAMP)


class WebhookDeliveryRow(Base):
    """A change that is told to one webhook, and how far that has come.

    While it is sent, `due_at` is when another replica may take it for lost; `attempts` tells one sending from the next.
    """

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        Index("ix_webhook_deliveries_number", "number", unique=True),
        Index("ix_webhook_deliveries_newest", "webhook_id", "number"),
        Index("ix_webhook_deliveries_due", "webhook_id", "due_at", postgresql_where=text("state = 'pending'")),
        Index("ix_webhook_deliveries_oldest", "webhook_id", "created_at", postgresql_where=text("state = 'pending'")),
        Index("ix_webhook_deliveries_created_at", "created_at"),
    )

    domain: Mapped[str] = mapped_column(Text, primary_key=True)
    user_key: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    mutation_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    webhook_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, Identity(always=True))
    state: Mapped[str] = mapped_column(Text, server_default=text("'pending'::text"))
    attempts: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    retries: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    due_at: Mapped[datetime] = mapped_column(TIMESTAMP)
    created_at: Mapped[datetime] = mapped_column(TIMESTAMP)
    attempted_at: Mapped[datetime | None] = mapped_column(TIMESTAMP)
    ended_at: Mapped[datetime | None] = mapped_column(TIMESTAMP)
    status: Mapped[int | None] = mapped_column(BigInteger)
    error: Mapped[str | None] = mapped_column(Text)


class OutboxCursorRow(Base):
    """How far a reader of `mutations` has come, in the order of transaction and position."""

    __tablename__ = "outbox_cursors"

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    xid: Mapped[int] = mapped_column(BigInteger)
    position: Mapped[int] = mapped_column(BigInteger)
