"""SQL of API keys."""

from collections.abc import Sequence
from datetime import datetime
from typing import cast

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from service.access.keys import Key
from service.access.scopes import Scope
from service.database.sessions import WriteSession
from service.database.tables import ApiKeyRow

_TABLE = ApiKeyRow.__table__
_ALL = select(_TABLE).order_by(_TABLE.c.created_at, _TABLE.c.key_id)


async def read_all(connection: AsyncConnection) -> Sequence[Key]:
    """Every key that was ever made, oldest first."""
    return [
        Key(
            key_id=row.key_id,
            name=row.name,
            secret_hash=row.secret_hash,
            scopes=frozenset(cast("list[Scope]", row.scopes)),
            created_at=row.created_at,
            expires_at=row.expires_at,
            revoked_at=row.revoked_at,
            rate_limit=row.rate_limit,
        )
        for row in await connection.execute(_ALL)
    ]


def add(session: WriteSession, key: Key) -> None:
    """Keep a new key."""
    session.add(
        ApiKeyRow(
            key_id=key.key_id,
            name=key.name,
            secret_hash=key.secret_hash,
            scopes=sorted(key.scopes),
            created_at=key.created_at,
            expires_at=key.expires_at,
            revoked_at=key.revoked_at,
            rate_limit=key.rate_limit,
        )
    )


async def revoke(session: WriteSession, key_id: str, at: datetime) -> datetime | None:
    """Revoke a key, if it is not revoked yet; since when it is. None for an unknown one.

    The row stays: where a key was ever made, requests need one.
    """
    await session.execute(
        update(ApiKeyRow).where(ApiKeyRow.key_id == key_id, ApiKeyRow.revoked_at.is_(None)).values(revoked_at=at)
    )
    return await session.scalar(select(ApiKeyRow.revoked_at).where(ApiKeyRow.key_id == key_id))
