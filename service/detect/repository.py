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

from sqlalchemy import Boolean, Uuid, and_, bindparam, func, literal, select, text
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA, TIMESTAMP
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import BigInteger, Text, TypeEngine

from service.database.tables import SeenEventRow, TombstoneRow, UserStateRow


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
        deleted_at: when the user was erased last.
        seen: those of the ids asked for that are in the state already.
    """

    version: Version | None
    state: bytes | None
    pending: bytes | None
    space: str | None
    profile_id: str | None
    recent_events: list[list[str]]
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
        events: ids and times of the behaviours taken in.
        snapshots: taken on the way.
    """

    was: Version
    state: bytes
    pending: bytes
    space: str
    profile_id: str | None
    sequence: int
    recent_events: str
    events: Sequence[tuple[str, datetime]]
    snapshots: Sequence[NewSnapshot]


_STATES, _TOMBSTONES, _SEEN = UserStateRow.__table__.c, TombstoneRow.__table__.c, SeenEventRow.__table__.c
_DOMAIN, _KEY = bindparam("domain", type_=Text), bindparam("user_key", type_=BYTEA)
_IDS, _TIMES = bindparam("ids", type_=ARRAY(Text)), bindparam("times", type_=ARRAY(TIMESTAMP(timezone=True)))

_READ = select(
    _STATES.state,
    _STATES.pending,
    _STATES.space,
    _STATES.profile_id,
    _STATES.recent_events,
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


_JSON = {"change", "scores", "topics"}
_TYPES: dict[str, TypeEngine[Any]] = {
    "sequence": BigInteger(),
    "snapshot_id": Uuid(),
    "taken_at": TIMESTAMP(timezone=True),
    "as_of": TIMESTAMP(timezone=True),
    "behaviors": BigInteger(),
    "mutated": Boolean(),
    "z": BYTEA(),
    "z_previous": BYTEA(),
}
_COLUMNS = [field.name for field in fields(NewSnapshot)]

# One statement is one transaction: the events and snapshots go in only where the state did, from which they select.
_SAVE = text(
    f"""
    WITH saved AS (
        UPDATE user_states
        SET state = :state, pending = :pending, space = :space, profile_id = :profile_id, sequence = :sequence,
            recent_events = CAST(:recent_events AS jsonb), updated_at = now()
        WHERE domain = :domain AND user_key = :user_key AND sequence = :was AND created_at = :created_at
        RETURNING domain, user_key
    ), recorded AS (
        INSERT INTO seen_events (domain, user_key, event_id, occurred_at)
        SELECT saved.domain, saved.user_key, new.event_id, new.occurred_at
        FROM saved, unnest(:ids, :times) AS new (event_id, occurred_at)
    ), taken AS (
        INSERT INTO snapshots (domain, user_key, {", ".join(_COLUMNS)})
        SELECT saved.domain, saved.user_key,
               {", ".join(f"CAST(new.{name} AS jsonb)" if name in _JSON else f"new.{name}" for name in _COLUMNS)}
        FROM saved, unnest({", ".join(f":snapshots_{name}" for name in _COLUMNS)}) AS new ({", ".join(_COLUMNS)})
    )
    SELECT count(*) FROM saved
    """  # noqa: S608 - of this module's own names
).bindparams(
    bindparam("state", type_=BYTEA),
    bindparam("pending", type_=BYTEA),
    bindparam("space", type_=Text),
    bindparam("profile_id", type_=Text),
    bindparam("sequence", type_=BigInteger),
    bindparam("recent_events", type_=Text),
    bindparam("was", type_=BigInteger),
    bindparam("created_at", type_=TIMESTAMP(timezone=True)),
    _DOMAIN,
    _KEY,
    _IDS,
    _TIMES,
    *(bindparam(f"snapshots_{name}", type_=ARRAY(_TYPES.get(name, Text()))) for name in _COLUMNS),
)


async def save(connection: AsyncConnection, user: User, update: Update) -> bool:
    """Store the new state, its new events and the snapshots taken on the way: all, or nothing.

    Returns:
        false where the user's state is no longer the version it was: then nothing was stored.
    """
    values = {
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
        "ids": [event_id for event_id, _ in update.events],
        "times": [time for _, time in update.events],
    }
    columns = {f"snapshots_{name}": [getattr(snapshot, name) for snapshot in update.snapshots] for name in _COLUMNS}
    return bool((await connection.execute(_SAVE, values | columns)).scalar_one())
