"""SQL of how far the encoding is: of one item, and of a domain."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, text
from sqlalchemy.types import Boolean, Double, Text

from service.database.sessions import ReadSession

_DOMAIN, _SPACE = bindparam("domain", type_=Text), bindparam("space", type_=Text)


@dataclass(frozen=True, slots=True)
class Counts:
    """Items of a domain that have not expired, by what there is of them in a space; see `schemas.ItemsProgress`."""

    items: int
    ready: int
    pending: int
    failed: int
    stale: int


@dataclass(frozen=True, slots=True)
class OtherSpace:
    """Vectors of a domain's items in another space."""

    space: str
    model_id: str
    vectors: int
    live: bool


async def find(session: ReadSession, domain: str, item_id: str, space: str, *, vector: bool) -> Any | None:  # noqa: ANN401 - a row of the columns below
    """A row of what is known of an item, with its vector in the space in pgvector's binary form if asked for."""
    values = {"domain": domain, "item_id": item_id, "space": space, "with_vector": vector}
    return (await session.execute(_FIND, values)).one_or_none()


_FIND = text(
    """
    SELECT items.item_id, items.text, items.category, items.attributes, items.expires_at, items.created_at,
        items.updated_at, items.encodable, near.content_hash = items.content_hash AS current, waiting.failure,
        CASE WHEN :with_vector THEN halfvec_send(near.vector) END AS vector
    FROM items
    LEFT JOIN item_vectors AS near
        ON near.domain = items.domain AND near.item_id = items.item_id AND near.space = :space
    LEFT JOIN item_queue AS waiting
        ON waiting.domain = items.domain AND waiting.item_id = items.item_id AND waiting.space = :space
    WHERE items.domain = :domain AND items.item_id = :item_id
        AND (items.expires_at IS NULL OR items.expires_at > now())
    """
).bindparams(_DOMAIN, _SPACE, bindparam("item_id", type_=Text), bindparam("with_vector", type_=Boolean))


async def count(session: ReadSession, domain: str, space: str) -> Counts:
    """Count them all: about a second for a million items."""
    row = (await session.execute(_COUNT, {"domain": domain, "space": space})).one()
    return Counts(**row._mapping)


# What waits and has its vector nevertheless is ready: a text that is altered is told as what it is now.
_COUNT = text(
    """
    SELECT count(*) AS items,
        count(*) FILTER (WHERE ready) AS ready,
        count(*) FILTER (WHERE NOT ready AND encodable AND failure IS NULL) AS pending,
        count(*) FILTER (WHERE NOT ready AND encodable AND failure IS NOT NULL) AS failed,
        count(*) FILTER (WHERE NOT ready AND NOT encodable) AS stale
    FROM (
        SELECT items.encodable, waiting.failure, coalesce(near.content_hash = items.content_hash, false) AS ready
        FROM items
        LEFT JOIN item_vectors AS near
            ON near.domain = items.domain AND near.item_id = items.item_id AND near.space = :space
        LEFT JOIN item_queue AS waiting
            ON waiting.domain = items.domain AND waiting.item_id = items.item_id AND waiting.space = :space
        WHERE items.domain = :domain AND (items.expires_at IS NULL OR items.expires_at > now())
    ) AS item
    """
).bindparams(_DOMAIN, _SPACE)


async def is_re_encoding(session: ReadSession, domain: str, space: str) -> bool:
    """Whether items of the domain wait because the whole catalogue is encoded for this space."""
    return (await session.execute(_RE_ENCODING, {"domain": domain, "space": space})).first() is not None


_RE_ENCODING = text(
    """
    SELECT 1 FROM item_queue
    WHERE space = :space AND priority = 1 AND failure IS NULL AND domain = :domain
    UNION ALL
    SELECT 1 FROM item_spaces
    WHERE space = :space AND filled_at IS NULL AND EXISTS (SELECT 1 FROM items WHERE domain = :domain)
    LIMIT 1
    """
).bindparams(_DOMAIN, _SPACE)


async def other_spaces(session: ReadSession, domain: str, space: str, live_seconds: float) -> list[OtherSpace]:
    """What there is of the domain's items in other spaces, the newest first."""
    rows = await session.execute(_OTHERS, {"domain": domain, "space": space, "seconds": live_seconds})
    return [OtherSpace(**row._mapping) for row in rows]


_OTHERS = text(
    """
    SELECT space, model_id, (
            SELECT count(*) FROM item_vectors AS near WHERE near.domain = :domain AND near.space = item_spaces.space
        ) AS vectors,
        retired_at IS NULL AND seen_at > now() - make_interval(secs => :seconds) AS live
    FROM item_spaces WHERE space <> :space ORDER BY registered_at DESC
    """
).bindparams(_DOMAIN, _SPACE, bindparam("seconds", type_=Double))
