"""SQL of what waits to be encoded: queued, claimed by a replica for a while, stored or marked as failed.

A claim is a time in the row and no lock: while a replica encodes, it holds neither a connection nor anything that
requests would wait for, and what a killed replica had claimed is free again when that time has come.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA, REAL
from sqlalchemy.types import Double, Integer, Text

from service.database.sessions import ReadSession, WriteSession
from service.items.halves import cut, flat

PAGE = 2000
"""Items that are looked at together when the whole catalogue is queued."""

Key = tuple[str, str]
START: Key = ("", "")
"""Before every item."""

_SPACE = bindparam("space", type_=Text)
_OF = (
    _SPACE,
    bindparam("domains", type_=ARRAY(Text)),
    bindparam("ids", type_=ARRAY(Text)),
    bindparam("hashes", type_=ARRAY(BYTEA)),
)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A text to be encoded.

    Attributes:
        content_hash: of the text.
        known: its vector in pgvector's binary form, where another item has the same text; else None.
    """

    domain: str
    item_id: str
    text: str
    content_hash: bytes
    known: bytes | None


def _of(space: str, items: Sequence[Claimed]) -> dict[str, object]:
    return {
        "space": space,
        "domains": [item.domain for item in items],
        "ids": [item.item_id for item in items],
        "hashes": [item.content_hash for item in items],
    }


async def fill(session: WriteSession, space: str, after: Key) -> Key | None:
    """Queue what lacks a vector among the next items in the order of their key; the last of them, None without any."""
    domain = bindparam("domain", type_=Text)
    values = {"domain": after[0], "item_id": after[1], "limit": PAGE, "space": space}
    row = (await session.execute(_FILL.bindparams(domain, _SPACE), values)).one()
    return None if row.domain is None else (row.domain, row.item_id)


# An item that somebody is just taking out is locked more strongly, and passed over; one that is altered is not.
_FILL = text(
    """
    WITH page AS MATERIALIZED (
        SELECT domain, item_id, content_hash, encodable FROM items
        WHERE (domain, item_id) > (:domain, :item_id) ORDER BY domain, item_id LIMIT :limit
        FOR KEY SHARE SKIP LOCKED
    ), queued AS (
        INSERT INTO item_queue (domain, item_id, space, priority)
        SELECT domain, item_id, :space, 1 FROM page
        WHERE encodable AND NOT EXISTS (
            SELECT 1 FROM item_vectors AS near
            WHERE near.domain = page.domain AND near.item_id = page.item_id AND near.space = :space
                AND near.content_hash = page.content_hash
        )
        ORDER BY domain, item_id
        ON CONFLICT DO NOTHING
    )
    SELECT last.domain, last.item_id FROM (SELECT 1) AS one
    LEFT JOIN (SELECT domain, item_id FROM page ORDER BY domain DESC, item_id DESC LIMIT 1) AS last ON true
    """
).bindparams(bindparam("item_id", type_=Text), bindparam("limit", type_=Integer))


async def claim(session: WriteSession, space: str, count: int, seconds: float) -> list[Claimed]:
    """Claim up to that many texts that clients sent, and as many of a whole catalogue, for so many seconds.

    Both at once, the longest waiting of each: so neither keeps the other waiting for good.
    """
    rows = await session.execute(_CLAIM, {"space": space, "count": count, "seconds": seconds})
    return [Claimed(row.domain, row.item_id, row.text, bytes(row.content_hash), row.known) for row in rows]


def _waiting(priority: int) -> str:
    return f"""
        SELECT domain, item_id FROM item_queue
        WHERE space = :space AND failure IS NULL AND priority = {priority}
            AND (claimed_until IS NULL OR claimed_until < now())
        ORDER BY position LIMIT :count FOR UPDATE SKIP LOCKED
    """  # noqa: S608 - a number of this module's


_CLAIM = text(
    f"""
    WITH sent AS MATERIALIZED ({_waiting(0)}), again AS MATERIALIZED ({_waiting(1)}),
    claimed AS (
        UPDATE item_queue AS held SET claimed_until = now() + make_interval(secs => :seconds)
        FROM (SELECT * FROM sent UNION ALL SELECT * FROM again) AS chosen
        WHERE held.domain = chosen.domain AND held.item_id = chosen.item_id AND held.space = :space
        RETURNING held.domain, held.item_id
    )
    SELECT domain, item_id, text, content_hash, (
        SELECT halfvec_send(vector) FROM item_vectors AS near
        WHERE near.space = :space AND near.content_hash = items.content_hash LIMIT 1
    ) AS known
    FROM claimed JOIN items USING (domain, item_id) WHERE encodable
    """  # noqa: S608 - of this module's own words
).bindparams(_SPACE, bindparam("count", type_=Integer), bindparam("seconds", type_=Double))


async def store(session: WriteSession, space: str, items: Sequence[Claimed], vectors: NDArray[np.float32]) -> int:
    """Store the vectors (n, dim) of texts that are still their items'; how many that was.

    Of an item whose text was altered meanwhile nothing is stored: it waits again. The items are locked, so that a
    category that is altered meanwhile is not lost, but only against being altered, and for this statement.
    """
    vector = cut("made.n", vectors.shape[1])
    statement = text(_STORE.format(vector=vector)).bindparams(*_OF, bindparam("flat", type_=ARRAY(REAL)))
    result = await session.execute(statement, _of(space, items) | {"flat": flat(vectors)})
    return int(result.rowcount)  # type: ignore[attr-defined] # of a deletion


_MADE = "unnest(:domains, :ids, :hashes) WITH ORDINALITY AS made (domain, item_id, content_hash, n)"
_STORE = f"""
    WITH held AS MATERIALIZED (
        SELECT items.domain, items.item_id, items.content_hash, items.category, items.expires_at, {{vector}} AS vector
        FROM {_MADE} JOIN items ON items.domain = made.domain AND items.item_id = made.item_id
            AND items.content_hash = made.content_hash
        WHERE items.encodable ORDER BY items.domain, items.item_id FOR SHARE OF items
    ), stored AS (
        INSERT INTO item_vectors (domain, item_id, space, vector, content_hash, category, expires_at)
        SELECT domain, item_id, :space, vector, content_hash, category, expires_at FROM held
        ON CONFLICT (domain, item_id, space) DO UPDATE SET
            vector = excluded.vector, content_hash = excluded.content_hash,
            category = excluded.category, expires_at = excluded.expires_at
        RETURNING domain, item_id
    )
    DELETE FROM item_queue AS waiting USING stored
    WHERE waiting.domain = stored.domain AND waiting.item_id = stored.item_id AND waiting.space = :space
"""  # noqa: S608 - of this module's own words


async def fail(session: WriteSession, space: str, item: Claimed, reason: str) -> bool:
    """Mark a text as one that cannot be encoded, unless it was altered meanwhile; whether it was marked."""
    marked = await session.execute(_FAIL, _of(space, [item]) | {"reason": reason})
    return bool(marked.scalars().all())


_FAIL = text(
    f"""
    UPDATE item_queue AS waiting SET failure = :reason, claimed_until = NULL
    FROM {_MADE} JOIN items USING (domain, item_id, content_hash)
    WHERE waiting.domain = made.domain AND waiting.item_id = made.item_id AND waiting.space = :space
    RETURNING waiting.item_id
    """  # noqa: S608 - of this module's own words
).bindparams(*_OF, bindparam("reason", type_=Text))


async def release(session: WriteSession, space: str, items: Sequence[Claimed]) -> None:
    """Give up claims: the encoder had no time for them."""
    await session.execute(_RELEASE, _of(space, items))


_RELEASE = text(
    f"""
    UPDATE item_queue AS waiting SET claimed_until = NULL FROM {_MADE}
    WHERE waiting.domain = made.domain AND waiting.item_id = made.item_id AND waiting.space = :space
    """  # noqa: S608 - of this module's own words
).bindparams(*_OF)


@dataclass(frozen=True, slots=True)
class Queued:
    """Items of all domains in a space's queue.

    Attributes:
        waiting: to be encoded, those that are claimed included.
        failed: that the model fails on.
    """

    waiting: int
    failed: int


async def count(session: ReadSession | WriteSession, space: str) -> Queued:
    """How many items are in that space's queue: looks at all of them, and at nothing of the catalogue besides."""
    return Queued(**(await session.execute(_COUNT, {"space": space})).one()._mapping)


_COUNT = text(
    """
    SELECT count(*) FILTER (WHERE failure IS NULL) AS waiting, count(*) FILTER (WHERE failure IS NOT NULL) AS failed
    FROM item_queue WHERE space = :space
    """
).bindparams(_SPACE)


async def is_empty(session: ReadSession | WriteSession, space: str) -> bool:
    """Whether nothing waits for that space, what is claimed included."""
    query = text("SELECT 1 FROM item_queue WHERE space = :space AND failure IS NULL LIMIT 1").bindparams(_SPACE)
    return (await session.execute(query, {"space": space})).first() is None
