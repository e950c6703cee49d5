"""SQL of detection: one user's state, locked, and the events already in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY, TIMESTAMP
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.types import Text

from service.database.sessions import ReadSession, WriteSession
from service.database.tables import SeenEventRow, SnapshotRow, TombstoneRow, UserStateRow


@dataclass(frozen=True, slots=True)
class User:
    """Who it is about: the keys that every table of users begins with."""

    domain: str
    key: bytes


async def lock_state(session: WriteSession, user: User) -> UserStateRow:
    """The user's state, made if there is none, and locked until the transaction ends.

    One statement: the conflict's no-op update is what takes the lock.
    """
    statement = (
        upsert(UserStateRow)
        .values(domain=user.domain, user_key=user.key)
        .on_conflict_do_update(
            index_elements=[UserStateRow.domain, UserStateRow.user_key],
            set_={"updated_at": UserStateRow.updated_at},
        )
        .returning(UserStateRow)
    )
    return (await session.execute(statement)).scalar_one()


async def read_state(session: ReadSession, user: User) -> UserStateRow | None:
    """The user's state, unlocked."""
    return await session.get(UserStateRow, (user.domain, user.key))


async def deleted_at(session: ReadSession | WriteSession, user: User) -> datetime | None:
    """When the user was erased, if ever. After `lock_state`, so that an erasure that was waited for is seen."""
    query = select(TombstoneRow.deleted_at).where(TombstoneRow.domain == user.domain, TombstoneRow.user_key == user.key)
    return (await session.execute(query)).scalar_one_or_none()


_RECORD_EVENTS = text(
    """
    INSERT INTO seen_events (domain, user_key, event_id, occurred_at)
    SELECT :domain, :user_key, event_id, occurred_at FROM unnest(:ids, :times) AS new (event_id, occurred_at)
    ON CONFLICT DO NOTHING RETURNING event_id
    """
).bindparams(bindparam("ids", type_=ARRAY(Text)), bindparam("times", type_=ARRAY(TIMESTAMP(timezone=True))))


async def record_events(session: WriteSession, user: User, events: Sequence[tuple[str, datetime]]) -> set[str]:
    """Remember events by id and time; those that were new."""
    values = {
        "domain": user.domain,
        "user_key": user.key,
        "ids": [event_id for event_id, _ in events],
        "times": [time for _, time in events],
    }
    return set((await session.execute(_RECORD_EVENTS, values)).scalars())


async def seen_events(session: ReadSession, user: User, event_ids: Sequence[str]) -> set[str]:
    """Those of the ids that are in the user's state already."""
    query = select(SeenEventRow.event_id).where(
        SeenEventRow.domain == user.domain,
        SeenEventRow.user_key == user.key,
        SeenEventRow.event_id == func.any(bindparam("ids", list(event_ids), type_=ARRAY(Text))),
    )
    return set((await session.execute(query)).scalars())


async def save(session: WriteSession, user: User, state: dict[str, object], snapshots: list[dict[str, object]]) -> None:
    """Store the user's new state and the snapshots taken on the way, by column name."""
    where = (UserStateRow.domain == user.domain, UserStateRow.user_key == user.key)
    await session.execute(update(UserStateRow).where(*where).values(updated_at=func.now(), **state))
    keys = {"domain": user.domain, "user_key": user.key}
    await session.execute(insert(SnapshotRow), [keys | snapshot for snapshot in snapshots])
