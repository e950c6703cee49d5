"""SQL of a user's erasure."""

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert as upsert

from service.database.sessions import WriteSession
from service.database.tables import (
    IdempotencyRecordRow,
    PrivacyReleaseRow,
    SeenEventRow,
    SnapshotRow,
    TombstoneRow,
    UserStateRow,
)

TABLES = (SnapshotRow, SeenEventRow, PrivacyReleaseRow, IdempotencyRecordRow, UserStateRow)
"""Every table that holds something of a user, the locked one last."""


async def lock(session: WriteSession, domain: str, user_key: bytes) -> bool:
    """Wait for requests of this user that are under way; whether anything is kept of the user."""
    query = (
        select(UserStateRow.sequence)
        .where(UserStateRow.domain == domain, UserStateRow.user_key == user_key)
        .with_for_update()
    )
    return (await session.execute(query)).scalar_one_or_none() is not None


async def is_erased(session: WriteSession, domain: str, user_key: bytes) -> bool:
    """Whether the user was erased before."""
    return await session.get(TombstoneRow, (domain, user_key)) is not None


async def erase(session: WriteSession, domain: str, user_key: bytes, deleted_at: datetime) -> None:
    """Delete everything of the user and leave a tombstone, which says no more than that and when."""
    for table in TABLES:
        await session.execute(delete(table).where(table.domain == domain, table.user_key == user_key))
    tombstone = upsert(TombstoneRow).values(domain=domain, user_key=user_key, deleted_at=deleted_at)
    await session.execute(
        tombstone.on_conflict_do_update(
            index_elements=[TombstoneRow.domain, TombstoneRow.user_key], set_={"deleted_at": deleted_at}
        )
    )
