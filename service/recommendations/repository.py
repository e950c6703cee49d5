"""SQL of recommendations: what a catalogue has, what is popular in it, and what a user has seen."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from service.database.sessions import ReadSession, WriteSession
from service.items.halves import decode

Session = ReadSession | AsyncConnection

LOCK_KEY = 0x5E47EA
"""Key of the advisory lock under which popularity is counted; see also `service.items.write_repository.SPACES_KEY`."""


@dataclass(frozen=True, slots=True)
class Sampled:
    """Some items with vectors.

    Attributes:
        ids: n.
        vectors: (n, dim).
        users: (n,) how many users had to do with each lately.
    """

    ids: list[str]
    vectors: NDArray[np.float32]
    users: NDArray[np.int64]

    def at(self, places: NDArray[np.int64]) -> "Sampled":
        """Those at these places."""
        return Sampled([self.ids[place] for place in places], self.vectors[places], self.users[places])


@dataclass(frozen=True, slots=True)
class Catalogue:
    """A domain's items as one model has encoded them.

    Attributes:
        domain: of the items.
        space: of the vectors.
        dim: of the space.
        category: only items of this one; None for all.
        unseen_by: only items that the user held under this key has not seen; None for all.
    """

    domain: str
    space: str
    dim: int
    category: str | None = None
    unseen_by: bytes | None = None

    @property
    def values(self) -> dict[str, object]:
        """What its statements are given."""
        given: dict[str, object] = {"domain": self.domain, "space": self.space}
        if self.category is not None:
            given["category"] = self.category
        if self.unseen_by is not None:
            given["user_key"] = self.unseen_by
        return given

    @property
    def conditions(self) -> str:
        """What its statements ask of items besides."""
        asked = "" if self.category is None else _OF_CATEGORY
        return asked if self.unseen_by is None else f"{asked} {_UNSEEN}"


LIVE = "v.domain = :domain AND v.space = :space AND (v.expires_at IS NULL OR v.expires_at > now())"
"""Of `item_vectors AS v`, with a `Catalogue`'s values: what may be recommended."""
_POPULAR = f"""
    SELECT v.item_id, halfvec_send(v.vector) AS sent, p.users FROM item_popularity AS p
    JOIN item_vectors AS v ON v.domain = p.domain AND v.item_id = p.item_id
    WHERE p.domain = :domain AND {LIVE} {{conditions}}
    ORDER BY p.users DESC, p.item_id LIMIT :most
"""  # noqa: S608 - of this module's own words
_NEWEST = f"""
    SELECT v.item_id, halfvec_send(v.vector) AS sent, 0 AS users FROM items AS i
    JOIN item_vectors AS v ON v.domain = i.domain AND v.item_id = i.item_id
    WHERE i.domain = :domain AND {LIVE} {{conditions}}
    ORDER BY i.created_at DESC, i.item_id LIMIT :most
"""  # noqa: S608 - of this module's own words
_OF_CATEGORY = "AND v.category = :category"
_UNSEEN = """AND NOT EXISTS (
    SELECT FROM seen_items AS s WHERE s.domain = v.domain AND s.user_key = :user_key AND s.item_id = v.item_id
)"""


async def liked(session: Session, catalogue: Catalogue, most: int, *, enough: int) -> Sampled:
    """The items that most users had to do with lately, the most popular first, then the newest.

    Args:
        session: any.
        catalogue: whose items.
        most: how many at most.
        enough: so many popular ones need none of the newest besides.
    """
    rows = list(await _most(session, _POPULAR, catalogue, most))
    if len(rows) < enough:
        known = {row.item_id for row in rows}
        newest = await _most(session, _NEWEST, catalogue, most)
        rows += [row for row in newest if row.item_id not in known][: most - len(rows)]
    return sampled(rows, catalogue.dim)


async def _most(session: Session, statement: str, catalogue: Catalogue, most: int) -> Sequence[Row[Any]]:
    query = text(statement.format(conditions=catalogue.conditions))
    return (await session.execute(query, catalogue.values | {"most": most})).all()


_SEEN = text(
    """
    SELECT item_id FROM seen_items WHERE domain = :domain AND user_key = :user_key ORDER BY seen_at DESC LIMIT :most
    """
)


async def seen(session: Session, domain: str, user_key: bytes, most: int) -> list[str]:
    """The items that the user had to do with, the latest first."""
    return list(await session.scalars(_SEEN, {"domain": domain, "user_key": user_key, "most": most}))


_SAMPLE = f"""
    SELECT v.item_id, halfvec_send(v.vector) AS sent, coalesce(p.users, 0) AS users, count(*) OVER () AS found
    FROM item_vectors AS v TABLESAMPLE SYSTEM (:percent)
    LEFT JOIN item_popularity AS p ON p.domain = v.domain AND p.item_id = v.item_id
    WHERE {LIVE} ORDER BY random() LIMIT :most
"""  # noqa: S608 - of this module's own words
ROWS = 20_000
"""Rows that are drawn from at most, of all domains."""


async def sample(session: ReadSession, catalogue: Catalogue, most: int) -> tuple[Sampled, float]:
    """Items of all categories drawn at random, and about how many there are in all."""
    rows = (await session.execute(text("SELECT reltuples FROM pg_class WHERE relname = 'item_vectors'"))).scalar_one()
    share = min(1.0, ROWS / rows) if rows > 0 else 1.0
    drawn = await session.execute(text(_SAMPLE), catalogue.values | {"percent": 100.0 * share, "most": most})
    found = drawn.all()
    return sampled(found, catalogue.dim), (found[0].found / share if found else 0.0)


def sampled(rows: Sequence[Row[Any]], dim: int) -> Sampled:
    """Items from rows with `item_id`, `sent` and `users`."""
    return Sampled(
        ids=[row.item_id for row in rows],
        vectors=decode([row.sent for row in rows], dim),
        users=np.array([row.users for row in rows], np.int64),
    )


# All is counted before the first row is written: only from then on does the transaction hold up who reads the outbox.
# What is as it was is not written again.
_COUNT = text(
    """
    WITH counted AS MATERIALIZED (
        SELECT domain, item_id, count(*) AS users FROM seen_items WHERE seen_at > :since GROUP BY domain, item_id
    ), forgotten AS (
        DELETE FROM item_popularity AS held WHERE NOT EXISTS (
            SELECT 1 FROM counted WHERE counted.domain = held.domain AND counted.item_id = held.item_id
        )
    )
    INSERT INTO item_popularity (domain, item_id, users, counted_at)
    SELECT domain, item_id, users, :now FROM counted WHERE NOT EXISTS (
        SELECT 1 FROM item_popularity AS held
        WHERE held.domain = counted.domain AND held.item_id = counted.item_id AND held.users = counted.users
    )
    ON CONFLICT (domain, item_id) DO UPDATE SET users = excluded.users, counted_at = excluded.counted_at
    """
)


async def count_popularity(session: WriteSession, now: datetime, lately: timedelta) -> None:
    """Count anew how many users had to do with each item."""
    await session.execute(text("SET LOCAL statement_timeout = 0"))
    await session.execute(_COUNT, {"now": now, "since": now - lately})


async def try_lock_count(session: WriteSession, key: int) -> datetime | None:
    """Be the only one who counts until the transaction ends: the database's time, or None where another one is."""
    if not (await session.execute(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": key})).scalar_one():
        return None
    now: datetime = (await session.execute(text("SELECT now()"))).scalar_one()
    return now
