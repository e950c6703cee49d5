"""SQL of records of requests under a key.

A record is written in the transaction that carries its request out, so that a crash leaves both or neither. Who carries
a request out holds an advisory lock of that transaction, which ends with it however it ends: nothing stays locked.
"""

import zlib
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import bindparam, func, select, text
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA, TIMESTAMP
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import Text

from service.database.sessions import ReadSession, WriteSession
from service.database.tables import IdempotencyRecordRow
from service.idempotency.record import Claim, Record

_FIND = text(
    """
    SELECT record.domain, record.user_key, record.key_hash, record.fingerprint, record.response
    FROM unnest(:domains, :user_keys, :key_hashes) AS asked (domain, user_key, key_hash)
    JOIN idempotency_records AS record USING (domain, user_key, key_hash)
    WHERE record.expires_at > :now
    """
).bindparams(
    bindparam("domains", type_=ARRAY(Text)),
    bindparam("user_keys", type_=ARRAY(BYTEA)),
    bindparam("key_hashes", type_=ARRAY(BYTEA)),
    bindparam("now", type_=TIMESTAMP(timezone=True)),
)

_DELETE_EXPIRED = text(
    """
    DELETE FROM idempotency_records WHERE (domain, user_key, key_hash) IN (
        SELECT domain, user_key, key_hash FROM idempotency_records WHERE expires_at <= :now
        LIMIT :limit FOR UPDATE SKIP LOCKED
    )
    """
).bindparams(bindparam("now", type_=TIMESTAMP(timezone=True)))
BATCH = 1000
"""Records that one transaction deletes."""


async def find(connection: AsyncConnection, claims: Sequence[Claim], now: datetime) -> dict[Claim, Record]:
    """The records of those of the claims that were carried out, and are still kept at that time."""
    values = {
        "domains": [claim.domain for claim in claims],
        "user_keys": [claim.user_key for claim in claims],
        "key_hashes": [claim.key_hash for claim in claims],
        "now": now,
    }
    rows = (await connection.execute(_FIND, values)).all()
    found = {
        (row.domain, row.user_key, row.key_hash): Record(row.fingerprint, zlib.decompress(row.response)) for row in rows
    }
    return {claim: found[claim.name] for claim in claims if claim.name in found}


async def try_lock(connection: AsyncConnection, claim: Claim) -> bool:
    """Take the claim's lock until this transaction ends; false where another one holds it."""
    return bool((await connection.execute(select(func.pg_try_advisory_xact_lock(claim.lock)))).scalar_one())


async def store(connection: AsyncConnection, claim: Claim, response: bytes, expires_at: datetime) -> None:
    """Keep an answer until then; one that has expired is replaced."""
    values = {
        "fingerprint": claim.fingerprint,
        "response": zlib.compress(response, 1),
        "expires_at": expires_at,
    }
    named = {"domain": claim.domain, "user_key": claim.user_key, "key_hash": claim.key_hash}
    statement = upsert(IdempotencyRecordRow).values(named | values)
    await connection.execute(statement.on_conflict_do_update(index_elements=list(named), set_=values))


async def delete_expired(session: WriteSession, now: datetime) -> int:
    """Delete up to a batch of the records that need no longer be kept at that time; how many that was."""
    result = await session.execute(_DELETE_EXPIRED, {"now": now, "limit": BATCH})
    return int(result.rowcount)  # type: ignore[attr-defined] # of a deletion


async def count_expired(session: ReadSession, now: datetime) -> int:
    """How many records need no longer be kept at that time."""
    query = select(func.count()).where(IdempotencyRecordRow.expires_at <= now)
    return int((await session.execute(query)).scalar_one())
