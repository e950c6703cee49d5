"""Other users of a large catalogue: what they had to do with, and in which order, so that items have successors."""

from datetime import UTC, datetime, timedelta

import asyncpg
import numpy as np
from numpy.typing import NDArray

from bench.recommend.fill import DOMAIN
from bench.recommend.titles import Titles
from service.database.engine import make_engine, normalize_url
from service.database.sessions import write_sessions
from service.recommendations.successors import graph_at
from service.recommendations.successors_repository import count_successors, prepare

SEED = 47
LIKED = 200
"""Titles of each topic that people know."""
PEOPLE, HAD = 300, 60
"""Of each topic, and how many of its titles each of them had to do with."""


def liked(titles: Titles, topic: int) -> NDArray[np.int64]:
    """Which titles of a topic people know; the number of a title is that of its item."""
    return np.flatnonzero(titles.topics == topic)[:LIKED]


async def move_in(url: str, titles: Titles) -> dict[str, float]:
    """Have the others there, and what they took up counted as the service does; how much it is."""
    connection = await asyncpg.connect(normalize_url(url))
    try:
        await connection.execute("DELETE FROM seen_items WHERE user_key LIKE convert_to('other %', 'UTF8')")
        for topic in range(len(titles.names)):
            await _move_in(connection, titles, topic)
        await connection.execute("VACUUM (ANALYZE) seen_items")
    finally:
        await connection.close()
    engine = make_engine(url, pool_size=1)
    try:
        async with write_sessions(engine).begin() as session:
            await prepare(session)
            now = datetime.now(UTC)
            await count_successors(session, now, graph_at(now))
    finally:
        await engine.dispose()
    connection = await asyncpg.connect(normalize_url(url))
    try:
        await connection.execute("VACUUM (ANALYZE) item_successors")
        row = await connection.fetchrow(
            "SELECT count(*) AS items, avg(cardinality(successor_ids)) AS edges FROM item_successors WHERE domain = $1",
            DOMAIN,
        )
    finally:
        await connection.close()
    return {"items": row["items"], "successors": round(float(row["edges"]), 1)}


async def _move_in(connection: asyncpg.Connection, titles: Titles, topic: int) -> None:
    generator, known = np.random.default_rng((SEED, topic)), liked(titles, topic)
    start = datetime.now(UTC) - timedelta(days=10)
    records = [
        (DOMAIN, f"other {topic} {person}".encode(), f"item-{row}", at, at)
        for person in range(PEOPLE)
        for place, row in enumerate(generator.permutation(known)[:HAD])
        for at in [start + timedelta(minutes=int(place))]
    ]
    await connection.copy_records_to_table(
        "seen_items", records=records, columns=["domain", "user_key", "item_id", "seen_at", "first_seen_at"]
    )
