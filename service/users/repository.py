"""SQL of what is held of a user as a whole: under which key, its erasure, and its move to another key."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, Select, and_, bindparam, delete, func, literal, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.types import BigInteger

from service.database.sessions import ReadSession, WriteSession
from service.database.tables import (
    IdempotencyRecordRow,
    MemoryRow,
    MutationRow,
    PrivacyReleaseRow,
    SeenEventRow,
    SeenItemRow,
    SnapshotRow,
    TombstoneRow,
    UserStateRow,
)
from service.identity import UserKeys

TABLES = (
    SnapshotRow,
    MutationRow,
    SeenEventRow,
    SeenItemRow,
    MemoryRow,
    PrivacyReleaseRow,
    IdempotencyRecordRow,
    UserStateRow,
)
"""Every table that holds something of a user, the locked one last. What is here is erased, moved to another key and
exported."""

EXPORTED = (UserStateRow, TombstoneRow, *TABLES[:-1])
"""What an export shows, the few rows before the many."""
PAGE = 200
"""Rows that an export has in memory."""


def of_user(table: Any, keys: UserKeys) -> ColumnElement[bool]:  # noqa: ANN401 - any mapped class with these two columns
    """The rows of one user, under whichever key."""
    key = table.user_key.in_(keys.all) if keys.others else table.user_key == keys.present
    return and_(table.domain == keys.domain, key)


async def await_newcomer(session: WriteSession, keys: UserKeys) -> None:
    """Wait for a request that is making this user right now, whose row nobody else sees yet.

    It leaves a row for whoever comes after us to wait for: the caller removes it, or rolls back.
    """
    row = {"domain": keys.domain, "user_key": keys.present, "key_id": keys.key_id}
    await session.execute(upsert(UserStateRow).values(row).on_conflict_do_nothing())


async def lock(session: WriteSession, keys: UserKeys) -> bool:
    """Wait for requests of this user that are under way; whether anything is kept of the user."""
    await _lock_keys(session, keys)
    query = select(UserStateRow.sequence).where(of_user(UserStateRow, keys)).with_for_update()
    return any(sequence > 0 for (sequence,) in (await session.execute(query)).all())


async def is_erased(session: WriteSession, keys: UserKeys) -> bool:
    """Whether the user was erased before."""
    query = select(TombstoneRow.deleted_at).where(of_user(TombstoneRow, keys)).limit(1)
    return (await session.execute(query)).first() is not None


async def remove(session: WriteSession, keys: UserKeys) -> Mapping[str, int]:
    """Delete everything of the user, and say how many rows of each table that was."""
    removed = {}
    for table in TABLES:
        result = await session.execute(delete(table).where(of_user(table, keys)))
        removed[table.__tablename__] = int(result.rowcount)  # type: ignore[attr-defined] # a delete's result has it
    return removed


async def erase(session: WriteSession, keys: UserKeys, deleted_at: datetime) -> None:
    """Delete everything of the user and leave a tombstone, which says no more than that and when."""
    await remove(session, keys)
    if keys.others:
        await session.execute(delete(TombstoneRow).where(of_user(TombstoneRow, keys)))
    tombstone = upsert(TombstoneRow).values(
        domain=keys.domain, user_key=keys.present, key_id=keys.key_id, deleted_at=deleted_at
    )
    await session.execute(
        tombstone.on_conflict_do_update(
            index_elements=[TombstoneRow.domain, TombstoneRow.user_key],
            set_={"deleted_at": deleted_at, "key_id": keys.key_id},
        )
    )


async def held_under(session: ReadSession | AsyncConnection, keys: UserKeys) -> bytes:
    """The key that the user is held under, or has a tombstone under; the present one where there is neither."""
    query = select(UserStateRow.user_key, literal(0).label("rank")).where(of_user(UserStateRow, keys))
    erased = select(TombstoneRow.user_key, literal(1)).where(of_user(TombstoneRow, keys))
    found = (await session.execute(query.union_all(erased))).all()
    ranked = sorted(found, key=lambda row: (row.rank, row.user_key != keys.present))
    return bytes(ranked[0].user_key) if ranked else keys.present


async def bring(connection: WriteSession | AsyncConnection, keys: UserKeys) -> bool:
    """Move what is held of the user under another key, a tombstone included, to the present one.

    Until the transaction ends, nobody else who knows one of the keys can move, make or erase this user: services with
    different secrets, as in the midst of a rotation, agree on where the user is.

    Returns:
        whether anything was moved.
    """
    if not keys.others:
        return False
    await _lock_keys(connection, keys)
    query = (
        select(UserStateRow.user_key)
        .where(of_user(UserStateRow, keys))
        .order_by(UserStateRow.updated_at.desc())
        .with_for_update()
    )
    held = [bytes(key) for (key,) in (await connection.execute(query)).all()]
    moving = bool(held) and keys.present not in held
    if moving:
        await _move(connection, keys, held[0])
    values = {"domain": keys.domain, "user_key": keys.present, "key_id": keys.key_id, "others": list(keys.others)}
    tombstones = await connection.execute(_MOVE_TOMBSTONE, values)
    return moving or bool(tombstones.rowcount)  # type: ignore[attr-defined] # an insertion's result has it


async def _move(connection: WriteSession | AsyncConnection, keys: UserKeys, key: bytes) -> None:
    for table in TABLES:
        moved = update(table).where(table.domain == keys.domain, table.user_key == key)
        changed = {"user_key": keys.present} | ({"key_id": keys.key_id} if table is UserStateRow else {})
        await connection.execute(moved.values(changed).execution_options(synchronize_session=False))


_LOCK_KEYS = select(func.pg_advisory_xact_lock(func.unnest(bindparam("locks", type_=ARRAY(BigInteger)))))

_MOVE_TOMBSTONE = text(
    """
    WITH moved AS (
        DELETE FROM tombstones WHERE domain = :domain AND user_key = ANY(:others) RETURNING deleted_at
    )
    INSERT INTO tombstones (domain, user_key, key_id, deleted_at)
    SELECT :domain, :user_key, :key_id, max(deleted_at) FROM moved HAVING count(*) > 0
    ON CONFLICT (domain, user_key) DO UPDATE SET
        deleted_at = greatest(tombstones.deleted_at, excluded.deleted_at), key_id = excluded.key_id
    """
).bindparams(
    bindparam("domain", type_=UserStateRow.domain.type),
    bindparam("user_key", type_=UserStateRow.user_key.type),
    bindparam("key_id", type_=UserStateRow.domain.type),
    bindparam("others", type_=ARRAY(UserStateRow.user_key.type)),
)


async def _lock_keys(connection: WriteSession | AsyncConnection, keys: UserKeys) -> None:
    """Locks that do not need a row: a user who is new under one key may be known under another.

    In one order for everybody, and one for each key, so that any two services that share a secret wait for each other.
    """
    if keys.others:
        locks = sorted(int.from_bytes(key[:8], "big", signed=True) for key in keys.all)
        await connection.execute(_LOCK_KEYS, {"locks": locks})


async def pages(session: ReadSession, table: Any, keys: UserKeys) -> AsyncIterator[Sequence[RowMapping]]:  # noqa: ANN401 - see of_user
    """Every row of the user in a table, by column, in the order of its key; one page of them in memory at a time."""
    columns = table.__table__
    query = select(columns).where(of_user(table, keys)).order_by(*columns.primary_key.columns)
    result = await session.stream(query, execution_options={"yield_per": PAGE})
    async for page in result.mappings().partitions():
        yield page


async def count_by_key_id(session: ReadSession) -> dict[str | None, tuple[int, int]]:
    """Users and tombstones by the secret that their keys were made by. Reads both tables from end to end."""
    await session.execute(text("SET LOCAL statement_timeout = 0"))
    counted: dict[str | None, tuple[int, int]] = {}
    for key, count in (await session.execute(_count_by(UserStateRow.key_id))).all():
        counted[key] = (count, 0)
    for key, count in (await session.execute(_count_by(TombstoneRow.key_id))).all():
        counted[key] = (counted.get(key, (0, 0))[0], count)
    return counted


def _count_by(column: InstrumentedAttribute[str | None]) -> Select[str | None, int]:
    return select(column, func.count()).group_by(column)
