"""A catalogue of many items put into a database directly, as `PUT /items` would leave it, and its index built."""

import struct
import time
from collections.abc import Callable, Iterator

import asyncpg
import numpy as np
from numpy.typing import NDArray

from bench.recommend.made import made
from bench.recommend.titles import CHUNK, Titles
from service.database import migrate
from service.database.embedded import DATABASE
from service.database.engine import make_engine, normalize_url
from service.items import index_repository
from service.items.content import embedding_hash

DOMAIN = "default"

Tell = Callable[[str], None]


async def fill(url: str, titles: Titles, count: int, noise: float, tell: Tell, *, domain: str = DOMAIN) -> None:
    """Migrate the database and put the items in: real titles first, then made vectors, each in its topic's category."""
    engine = make_engine(url, pool_size=1)
    await migrate.upgrade(engine)
    await engine.dispose()
    connection = await asyncpg.connect(normalize_url(url))
    try:
        await connection.set_type_codec("halfvec", schema="public", encoder=_half, decoder=bytes, format="binary")
        held = await connection.fetchval("SELECT count(*) FROM item_vectors WHERE domain = $1", domain)
        done = 0
        for vectors, topics in parts(titles, count, noise):
            if done >= held:
                await _put(connection, domain, titles, vectors, topics, first=done)
            done += len(vectors)
            if done % (25 * CHUNK) < CHUNK:
                tell(f"{done:,} of {count:,} items")
        for table in ("items", "item_vectors"):
            await connection.execute(f"VACUUM (ANALYZE) {table}")
    finally:
        await connection.close()


async def storage(url: str, space: str) -> dict[str, float]:
    """MiB on disk of the index, and of the vectors' table with all its other indexes."""
    connection = await asyncpg.connect(normalize_url(url))
    try:
        index = await connection.fetchval(
            "SELECT pg_relation_size(CAST($1::text AS regclass))", index_repository.index_name(DOMAIN, space)
        )
        whole = await connection.fetchval("SELECT pg_total_relation_size('item_vectors')")
    finally:
        await connection.close()
    return {"index_mib": round(index / 2**20), "rest_mib": round((whole - index) / 2**20)}


async def build(url: str, space: str, dim: int, *, workers: int, tell: Tell) -> float | None:
    """Build the index as the service does; seconds that it took, None where it was there."""
    engine = make_engine(url, pool_size=1).execution_options(isolation_level="AUTOCOMMIT")
    try:
        async with engine.connect() as connection:
            name = index_repository.index_name(DOMAIN, space)
            for held in await index_repository.indexes(connection):
                if held.name == name and held.valid:
                    return None
                await index_repository.drop(connection, held.name)
            vectors = (await index_repository.sizes(connection, space))[DOMAIN]
            memory = index_repository.needed_memory(vectors, dim)
            tell(f"building the index of {vectors:,} vectors in {memory / 2**20:,.0f} MiB")
            began = time.perf_counter()
            await index_repository.create(
                connection, domain=DOMAIN, space=space, dim=dim, memory_bytes=memory, workers=workers
            )
            return time.perf_counter() - began
    finally:
        await engine.dispose()


def parts(titles: Titles, count: int, noise: float) -> Iterator[tuple[NDArray[np.float32], NDArray[np.int32]]]:
    """Vectors of the items, in order, and their topics: the same ones every time."""
    real = min(count, len(titles.vectors))
    for start in range(0, real, CHUNK):
        part = slice(start, min(start + CHUNK, real))
        yield titles.vectors[part], titles.topics[part]
    yield from made(titles, count - real, noise)


async def _put(
    connection: asyncpg.Connection,
    domain: str,
    titles: Titles,
    vectors: NDArray[np.float32],
    topics: NDArray[np.int32],
    *,
    first: int,
) -> None:
    names = [titles.names[topic] for topic in topics]
    ids = [f"item-{first + n}" for n in range(len(vectors))]
    hashes = [embedding_hash(vector) for vector in vectors]
    async with connection.transaction():
        await connection.copy_records_to_table(
            "items",
            records=zip([domain] * len(ids), ids, names, hashes, [False] * len(ids), names, strict=True),
            columns=["domain", "item_id", "text", "content_hash", "encodable", "category"],
        )
        await connection.copy_records_to_table(
            "item_vectors",
            records=zip([domain] * len(ids), ids, [titles.space] * len(ids), vectors, hashes, names, strict=True),
            columns=["domain", "item_id", "space", "vector", "content_hash", "category"],
        )


def _half(vector: NDArray[np.float32]) -> bytes:
    return struct.pack(">HH", len(vector), 0) + vector.astype(">f2").tobytes()


async def make_database(url: str, name: str) -> str:
    """One more database on the server of that address; its address."""
    await _execute(url, f'CREATE DATABASE "{name}"')
    return url.replace(f"/{DATABASE}?", f"/{name}?")


async def drop_database(url: str, name: str) -> None:
    """Drop it, if it is there."""
    await _execute(url, f'DROP DATABASE IF EXISTS "{name}"')


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(normalize_url(url))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
