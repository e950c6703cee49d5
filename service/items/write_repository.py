"""SQL of changing the catalogue.

Whoever changes it locks items first, in the order of their id, then their vectors, then what waits to be encoded: so
that no two wait for each other in a circle.
"""

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import orjson
from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA, REAL, TIMESTAMP
from sqlalchemy.types import BigInteger, Boolean, Text

from service.database.sessions import ReadSession, WriteSession
from service.items.halves import cut, flat
from service.items.incoming import Incoming

SPACES_KEY = 0x5E47E9
"""Key of the advisory lock between who changes the catalogue, who share it, and who changes the set of spaces."""
BATCH = 500
"""Expired items that one transaction removes."""

_DOMAIN = bindparam("domain", type_=Text)
_IDS = bindparam("ids", type_=ARRAY(Text))
_SPACE = bindparam("space", type_=Text)


async def share_spaces(session: WriteSession) -> None:
    """Keep the set of spaces as it is until the transaction ends. Comes first: what follows sees that set."""
    await session.execute(text("SELECT pg_advisory_xact_lock_shared(:key)"), {"key": SPACES_KEY})


async def put(session: WriteSession, domain: str, items: Sequence[Incoming]) -> set[str]:
    """Store items; the ids of those that were new or are otherwise than before."""
    rows = await session.execute(
        _PUT,
        {
            "domain": domain,
            "ids": [item.item_id for item in items],
            "texts": [item.text for item in items],
            "hashes": [item.content_hash for item in items],
            "encodable": [item.vector is None for item in items],
            "categories": [item.category for item in items],
            "attributes": [orjson.dumps(item.attributes).decode() for item in items],
            "expiries": [item.expires_at for item in items],
        },
    )
    return set(rows.scalars())


_PUT = text(
    """
    INSERT INTO items AS held
        (domain, item_id, text, content_hash, encodable, category, attributes, expires_at)
    SELECT :domain, item_id, text, content_hash, encodable, category, attributes::jsonb, expires_at
    FROM unnest(:ids, :texts, :hashes, :encodable, :categories, :attributes, :expiries)
        AS given (item_id, text, content_hash, encodable, category, attributes, expires_at)
    ORDER BY item_id
    ON CONFLICT (domain, item_id) DO UPDATE SET
        text = excluded.text, content_hash = excluded.content_hash, encodable = excluded.encodable,
        category = excluded.category, attributes = excluded.attributes, expires_at = excluded.expires_at,
        updated_at = now()
    WHERE (held.text, held.content_hash, held.category, held.attributes, held.expires_at) IS DISTINCT FROM
        (excluded.text, excluded.content_hash, excluded.category, excluded.attributes, excluded.expires_at)
    RETURNING item_id
    """
).bindparams(
    _DOMAIN,
    _IDS,
    bindparam("texts", type_=ARRAY(Text)),
    bindparam("hashes", type_=ARRAY(BYTEA)),
    bindparam("encodable", type_=ARRAY(Boolean)),
    bindparam("categories", type_=ARRAY(Text)),
    bindparam("attributes", type_=ARRAY(Text)),
    bindparam("expiries", type_=ARRAY(TIMESTAMP(timezone=True))),
)


async def carry_over(session: WriteSession, domain: str, ids: Sequence[str]) -> None:
    """Give the items' vectors, of every space, the category and the expiry that the items have now."""
    await session.execute(_CARRY_OVER, {"domain": domain, "ids": list(ids)})


_CARRY_OVER = text(
    """
    UPDATE item_vectors AS near SET category = items.category, expires_at = items.expires_at
    FROM items WHERE items.domain = :domain AND items.item_id = ANY(:ids)
        AND near.domain = items.domain AND near.item_id = items.item_id
        AND (near.category, near.expires_at) IS DISTINCT FROM (items.category, items.expires_at)
    """
).bindparams(_DOMAIN, _IDS)


async def put_vectors(session: WriteSession, domain: str, space: str, items: Sequence[Incoming]) -> None:
    """Store the vectors that items came with, as of that space. Nothing of them waits to be encoded any more."""
    vectors = [item.vector for item in items if item.vector is not None]
    values = {
        "domain": domain,
        "ids": [item.item_id for item in items],
        "hashes": [item.content_hash for item in items],
        "space": space,
        "flat": flat(np.stack(vectors)),
    }
    statement = _PUT_VECTORS.format(vector=cut("n", len(vectors[0])))
    await session.execute(
        text(statement).bindparams(
            _DOMAIN, _IDS, _SPACE, bindparam("hashes", type_=ARRAY(BYTEA)), bindparam("flat", type_=ARRAY(REAL))
        ),
        values,
    )
    await session.execute(_NOT_WAITING, {"domain": domain, "ids": values["ids"]})


_PUT_VECTORS = """
    INSERT INTO item_vectors AS held (domain, item_id, space, vector, content_hash, category, expires_at)
    SELECT domain, item_id, :space, {vector}, given.content_hash, category, expires_at
    FROM unnest(:ids, :hashes) WITH ORDINALITY AS given (item_id, content_hash, n) JOIN items USING (item_id)
    WHERE items.domain = :domain ORDER BY item_id
    ON CONFLICT (domain, item_id, space) DO UPDATE SET
        vector = excluded.vector, content_hash = excluded.content_hash,
        category = excluded.category, expires_at = excluded.expires_at
    WHERE held.content_hash <> excluded.content_hash
"""
_NOT_WAITING = text("DELETE FROM item_queue WHERE domain = :domain AND item_id = ANY(:ids)").bindparams(_DOMAIN, _IDS)


async def enqueue(session: WriteSession, domain: str, ids: Sequence[str], space: str) -> int:
    """Have those of the items encoded that lack a vector of their text, for every space that is in use.

    One that failed is tried again.

    Returns:
        how many wait for that space.
    """
    rows = await session.execute(_ENQUEUE, {"domain": domain, "ids": list(ids)})
    return sum(row.space == space for row in rows)


_ENQUEUE = text(
    """
    INSERT INTO item_queue AS held (domain, item_id, space, priority)
    SELECT items.domain, items.item_id, item_spaces.space, 0 FROM items CROSS JOIN item_spaces
    WHERE items.domain = :domain AND items.item_id = ANY(:ids) AND items.encodable AND item_spaces.retired_at IS NULL
        AND NOT EXISTS (
            SELECT 1 FROM item_vectors AS near
            WHERE near.domain = items.domain AND near.item_id = items.item_id AND near.space = item_spaces.space
                AND near.content_hash = items.content_hash
        )
    ORDER BY items.item_id, item_spaces.space
    ON CONFLICT (domain, item_id, space) DO UPDATE SET priority = 0, claimed_until = NULL, failure = NULL
    RETURNING space
    """
).bindparams(_DOMAIN, _IDS)


async def settle(session: WriteSession, domain: str, ids: Sequence[str]) -> None:
    """Let nothing wait of items that have their vector after all: a text that was altered and altered back."""
    await session.execute(_SETTLE, {"domain": domain, "ids": list(ids)})


_SETTLE = text(
    """
    DELETE FROM item_queue AS waiting USING items, item_vectors AS near
    WHERE items.domain = :domain AND items.item_id = ANY(:ids)
        AND waiting.domain = items.domain AND waiting.item_id = items.item_id
        AND near.domain = items.domain AND near.item_id = items.item_id AND near.space = waiting.space
        AND near.content_hash = items.content_hash
    """
).bindparams(_DOMAIN, _IDS)


async def delete(session: WriteSession, domain: str, item_id: str) -> bool:
    """Take an item out, with its vectors; whether it was there and had not expired."""
    return (await session.execute(_DELETE, {"domain": domain, "item_id": item_id})).scalar_one_or_none() is True


_DELETE = text(
    """
    DELETE FROM items WHERE domain = :domain AND item_id = :item_id
    RETURNING expires_at IS NULL OR expires_at > now()
    """
).bindparams(_DOMAIN, bindparam("item_id", type_=Text))


async def delete_expired(session: WriteSession, now: datetime) -> int:
    """Take out some items that have expired; how many that was."""
    result = await session.execute(_DELETE_EXPIRED, {"now": now, "limit": BATCH})
    return int(result.rowcount)  # type: ignore[attr-defined] # of a deletion


async def count_expired(session: ReadSession, now: datetime) -> int:
    """How many items have expired and are still there."""
    return int((await session.execute(_COUNT_EXPIRED, {"now": now})).scalar_one())


_NOW = bindparam("now", type_=TIMESTAMP(timezone=True))
_DELETE_EXPIRED = text(
    """
    DELETE FROM items WHERE (domain, item_id) IN (
        SELECT domain, item_id FROM items WHERE expires_at <= :now ORDER BY expires_at LIMIT :limit
        FOR UPDATE SKIP LOCKED
    )
    """
).bindparams(_NOW, bindparam("limit", type_=BigInteger))
_COUNT_EXPIRED = text("SELECT count(*) FROM items WHERE expires_at <= :now").bindparams(_NOW)
