"""SQL of one user's detection.

A user in steady state costs two statements, each a transaction of its own, and no lock between them: `read` everything
that the decision rests on, and `save` all that came of it if nothing has changed since. Whoever comes second saves
nothing, and reads again. `lock` makes the second one wait instead, for users who are new or much in demand.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import REAL, BindParameter, Boolean, SmallInteger, Uuid, and_, bindparam, func, literal, select, text
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA, TIMESTAMP
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.dialects.postgresql.asyncpg import AsyncpgARRAY
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import BigInteger, Text, TypeEngine

from service.database.tables import SeenEventRow, TombstoneRow, UserStateRow
from service.detect.remember import Remembered


@dataclass(frozen=True, slots=True)
class User:
    """Who it is about: the keys that every table of users begins with, and by which secret they were made."""

    domain: str
    key: bytes
    key_id: str | None = None


@dataclass(frozen=True, slots=True)
class Version:
    """Which of a user's states it is. Every change raises the sequence; erasure and return give a new creation time."""

    sequence: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Known:
    """What is stored of a user, as one statement saw it.

    Attributes:
        version: None where nothing is stored.
        state: the detectors', as bytes; None where nothing was judged yet.
        pending: the behaviours after it whose order is open, as bytes; None where there never were any.
        space: of the vectors in it.
        profile_id: of the profile that it was judged by.
        recent_events: ids and RFC 3339 times.
        since: time of the first behaviour of the present regime.
        deleted_at: when the user was erased last.
        seen: those of the ids asked for that are in the state already.
    """

    version: Version | None
    state: bytes | None
    pending: bytes | None
    space: str | None
    profile_id: str | None
    recent_events: list[list[str]]
    since: datetime | None
    deleted_at: datetime | None
    seen: frozenset[str]


@dataclass(frozen=True, slots=True)
class NewSnapshot:
    """A snapshot to be stored, by column; `change`, `scores` and `topics` are JSON."""

    sequence: int
    snapshot_id: UUID
    taken_at: datetime
    taken_for: str
    as_of: datetime
    behaviors: int
    status: str
    mutated: bool
    change: str
    scores: str
    topics: str
    z: bytes
    z_previous: bytes | None
    model_digest: str
    profile_id: str | None


@dataclass(frozen=True, slots=True)
class NewMutation:
    """A declared change to be stored, by column; `change`, `gained`, `lost` and `population` are JSON."""

    sequence: int
    mutation_id: UUID
    changed_at: datetime
    kind: str | None
    change: str
    gained: str
    lost: str
    profile_id: str | None
    sealed: bytes
    population: str | None = None


@dataclass(frozen=True, slots=True)
class SeenEvent:
    """A behaviour taken in, by column."""

    event_id: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class SeenItem:
    """An item that behaviours were about, by column: the times of the latest and of the first of them."""

    item_id: str
    seen_at: datetime
    first_seen_at: datetime


@dataclass(frozen=True, slots=True)
class Update:
    """What came of a decision, to be stored together.

    Attributes:
        was: the version that the decision rests on.
        state: the detectors', as bytes.
        pending: the behaviours after it whose order is open, as bytes.
        space: of the vectors in it.
        profile_id: of the profile that judged.
        sequence: of the newest snapshot.
        recent_events: ids and RFC 3339 times, as JSON.
        since: time of the first behaviour of the present regime.
        events: the behaviours taken in.
        snapshots: taken on the way.
        mutations: changes declared on the way.
        remembered: behaviours to be kept one by one.
        seen_items: each once.
    """

    was: Version
    state: bytes
    pending: bytes
    space: str
    profile_id: str | None
    sequence: int
    recent_events: str
    since: datetime | None
    events: Sequence[SeenEvent]
    snapshots: Sequence[NewSnapshot]
    mutations: Sequence[NewMutation] = ()
    remembered: Sequence[Remembered] = ()
    seen_items: Sequence[SeenItem] = ()


_STATES, _TOMBSTONES, _SEEN = UserStateRow.__table__.c, TombstoneRow.__table__.c, SeenEventRow.__table__.c
_DOMAIN, _KEY = bindparam("domain", type_=Text), bindparam("user_key", type_=BYTEA)
_IDS = bindparam("ids", type_=ARRAY(Text))

_READ = select(
    _STATES.state,
    _STATES.pending,
    _STATES.space,
    _STATES.profile_id,
    _STATES.recent_events,
    _STATES.since,
    _STATES.sequence,
    _STATES.created_at,
    select(_TOMBSTONES.deleted_at)
    .where(_TOMBSTONES.domain == _DOMAIN, _TOMBSTONES.user_key == _KEY)
    .scalar_subquery()
    .label("deleted_at"),
    func.array(
        select(_SEEN.event_id)
        .where(_SEEN.domain == _DOMAIN, _SEEN.user_key == _KEY, _SEEN.event_id == func.any(_IDS))
        .scalar_subquery(),
        type_=ARRAY(Text),
    ).label("seen"),
).select_from(
    select(literal(1))
    .subquery("one")
    .outerjoin(UserStateRow.__table__, and_(_STATES.domain == _DOMAIN, _STATES.user_key == _KEY))
)


async def read(connection: AsyncConnection, user: User, event_ids: Sequence[str]) -> Known:
    """Everything that a decision on these events rests on, as it was at one moment."""
    values = {"domain": user.domain, "user_key": user.key, "ids": list(event_ids)}
    row = (await connection.execute(_READ, values)).one()
    return Known(
        version=None if row.sequence is None else Version(row.sequence, row.created_at),
        state=row.state,
        pending=row.pending,
        space=row.space,
        profile_id=row.profile_id,
        recent_events=row.recent_events or [],
        since=row.since,
        deleted_at=row.deleted_at,
        seen=frozenset(row.seen),
    )


async def lock(connection: AsyncConnection, user: User) -> None:
    """Make others wait until this transaction ends; an empty state is made for a user without one.

    One statement: the conflict's no-op update is what takes the lock.
    """
    statement = upsert(UserStateRow).values(domain=user.domain, user_key=user.key, key_id=user.key_id)
    await connection.execute(
        statement.on_conflict_do_update(
            index_elements=[UserStateRow.domain, UserStateRow.user_key],
            set_={"updated_at": UserStateRow.updated_at},
        )
    )


_JSON = {"change", "scores", "topics", "gained", "lost", "population"}
_TIMESTAMP = TIMESTAMP(timezone=True)
_TYPES: dict[str, TypeEngine[Any]] = {
    "sequence": BigInteger(),
    "snapshot_id": Uuid(),
    "mutation_id": Uuid(),
    "taken_at": _TIMESTAMP,
    "as_of": _TIMESTAMP,
    "changed_at": _TIMESTAMP,
    "occurred_at": _TIMESTAMP,
    "counted_at": _TIMESTAMP,
    "seen_at": _TIMESTAMP,
    "first_seen_at": _TIMESTAMP,
    "behaviors": BigInteger(),
    "mutated": Boolean(),
    "z": BYTEA(),
    "z_previous": BYTEA(),
    "sealed": BYTEA(),
    "ring": SmallInteger(),
    "slot": SmallInteger(),
    "arrival": BigInteger(),
    "weight": REAL(),
    "codes": BYTEA(),
    "scale": REAL(),
}
"""Of columns that are not text."""


class _Column(AsyncpgARRAY):
    """An array that goes to asyncpg as it is: looking at every element in Python first would only cost time.

    asyncpg takes every type in `_TYPES` as Python has it, and refuses what is of another. The driver's own type is the
    base, for SQLAlchemy replaces any other array by it, and what is defined here with it.
    """

    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> None:  # noqa: ARG002 - as SQLAlchemy calls it
        """None: nothing is to be done with a value."""
        return


@dataclass(frozen=True, slots=True)
class _Insertion:
    """Rows that go in with the state, each column as an array of its own.

    Attributes:
        table: they go into.
        columns: of them, beside the user's.
        conflict: what becomes of a row that is there already.
    """

    table: str
    columns: tuple[str, ...]
    conflict: str = ""

    @property
    def sql(self) -> str:
        """A part of the statement: it selects from `saved`, so nothing goes in where the state did not."""
        values = (f"CAST(new.{name} AS jsonb)" if name in _JSON else f"new.{name}" for name in self.columns)
        arrays = (f":{self.table}_{name}" for name in self.columns)
        return f"""
            INSERT INTO {self.table} (domain, user_key, {", ".join(self.columns)})
            SELECT saved.domain, saved.user_key, {", ".join(values)}
            FROM saved, unnest({", ".join(arrays)}) AS new ({", ".join(self.columns)})
            {self.conflict}
        """  # noqa: S608 - of this module's own names

    @property
    def parameters(self) -> list[BindParameter[Any]]:
        """One array a column."""
        return [bindparam(f"{self.table}_{name}", type_=_Column(_TYPES.get(name, Text()))) for name in self.columns]

    def values(self, rows: Sequence[object]) -> dict[str, object]:
        """The arrays of these rows."""
        return {f"{self.table}_{name}": [getattr(row, name) for row in rows] for name in self.columns}


def _names(row: type) -> tuple[str, ...]:
    return tuple(field.name for field in fields(row))


_EVENTS = _Insertion("seen_events", _names(SeenEvent))
_SNAPSHOTS = _Insertion("snapshots", _names(NewSnapshot))
_MUTATIONS = _Insertion("mutations", _names(NewMutation))
_MEMORY = _Insertion(
    "user_memory",
    _names(Remembered),
    "ON CONFLICT (domain, user_key, ring, slot) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in _names(Remembered) if name not in {"ring", "slot"}),
)
_ITEMS = _Insertion(
    "seen_items",
    _names(SeenItem),
    "ON CONFLICT (domain, user_key, item_id) DO UPDATE SET seen_at = greatest(seen_items.seen_at, excluded.seen_at), "
    "first_seen_at = least(seen_items.first_seen_at, excluded.first_seen_at)",
)
_INSERTIONS = (_EVENTS, _SNAPSHOTS, _MUTATIONS, _MEMORY, _ITEMS)

# One statement is one transaction: everything else goes in only where the state did.
_SAVE = text(
    f"""
    WITH saved AS (
        UPDATE user_states
        SET state = :state, pending = :pending, space = :space, profile_id = :profile_id, sequence = :sequence,
            recent_events = CAST(:recent_events AS jsonb), since = :since, updated_at = now()
        WHERE domain = :domain AND user_key = :user_key AND sequence = :was AND created_at = :created_at
        RETURNING domain, user_key
    ), {", ".join(f"new_{part.table} AS ({part.sql})" for part in _INSERTIONS)}
    SELECT count(*) FROM saved
    """  # noqa: S608 - of this module's own names
).bindparams(
    bindparam("state", type_=BYTEA),
    bindparam("pending", type_=BYTEA),
    bindparam("space", type_=Text),
    bindparam("profile_id", type_=Text),
    bindparam("sequence", type_=BigInteger),
    bindparam("recent_events", type_=Text),
    bindparam("since", type_=_TIMESTAMP),
    bindparam("was", type_=BigInteger),
    bindparam("created_at", type_=_TIMESTAMP),
    _DOMAIN,
    _KEY,
    *(parameter for part in _INSERTIONS for parameter in part.parameters),
)


async def save(connection: AsyncConnection, user: User, update: Update) -> bool:
    """Store the new state and all that came of the new behaviours: all of it, or nothing.

    Returns:
        false where the user's state is no longer the version it was: then nothing was stored.
    """
    values: dict[str, object] = {
        "domain": user.domain,
        "user_key": user.key,
        "was": update.was.sequence,
        "created_at": update.was.created_at,
        "state": update.state,
        "pending": update.pending,
        "space": update.space,
        "profile_id": update.profile_id,
        "sequence": update.sequence,
        "recent_events": update.recent_events,
        "since": update.since,
    }
    rows = (
        (_EVENTS, update.events),
        (_SNAPSHOTS, update.snapshots),
        (_MUTATIONS, update.mutations),
        (_MEMORY, update.remembered),
        (_ITEMS, update.seen_items),
    )
    for part, new in rows:
        values |= part.values(new)
    return bool((await connection.execute(_SAVE, values)).scalar_one())
