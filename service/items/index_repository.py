"""SQL of the indexes of neighbours (HNSW) over vectors, which are made while the service runs.

There is one for each pair of a domain and a space with enough vectors. A migration could not make them, because size
and space are the model's. One for all domains of a space would find a small domain's items among those of the others
only by going on and on through these: recall and speed of a domain would depend on its neighbours. With one each, a
search meets nothing but its own domain's items.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import Text

from service.items.repository import scope

PREFIX = "ix_item_vectors_near_"
M, EF_CONSTRUCTION = 16, 64
"""Neighbours of a vector in the graph, and candidates while it is built: pgvector's defaults, with which the benchmark
finds what it should."""
LOCK_KEY = 0x5E47E8
"""Key of the advisory lock under which indexes are made and dropped; see also `service.database.migrate.LOCK_KEY`."""

_BYTES_BESIDE_NUMBERS = 450
"""Of a vector in the graph while it is built, at most: its links to neighbours, and where it is stored."""


@dataclass(frozen=True, slots=True)
class Built:
    """An index that is there.

    Attributes:
        valid: false for one whose building was cut short; no search uses it.
    """

    name: str
    valid: bool


def index_name(domain: str, space: str) -> str:
    """The same for every replica."""
    return PREFIX + hashlib.sha256(f"{domain} {space}".encode()).hexdigest()[:24]


def needed_memory(vectors: int, dim: int) -> int:
    """Bytes in which the graph can be built at once. With less, Postgres builds it many times slower."""
    return vectors * (2 * dim + _BYTES_BESIDE_NUMBERS)


async def try_lock(connection: AsyncConnection) -> bool:
    """Take the lock for as long as the connection lives, or until `unlock`; at once false where another has it.

    Never waited for: who builds waits for all transactions, and so would for one that waited for it.
    """
    return bool(await connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": LOCK_KEY}))


async def unlock(connection: AsyncConnection) -> None:
    """Give the lock back, and the connection the settings that requests have."""
    await connection.execute(text("RESET ALL"))
    await connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": LOCK_KEY})


async def indexes(connection: AsyncConnection) -> Sequence[Built]:
    """All that are there."""
    rows = await connection.execute(_INDEXES, {"prefix": PREFIX})
    return [Built(row.relname, row.indisvalid) for row in rows]


_INDEXES = text(
    """
    SELECT relname, indisvalid FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
    WHERE indrelid = 'item_vectors'::regclass AND starts_with(relname, :prefix)
    """
).bindparams(bindparam("prefix", type_=Text))


async def sizes(connection: AsyncConnection, space: str) -> dict[str, int]:
    """How many vectors each domain has in a space."""
    return {row.domain: row.vectors for row in await connection.execute(_SIZES, {"space": space})}


# From index entries alone. Of a large table that is a second, and it is asked for rarely.
_SIZES = text("SELECT domain, count(*) AS vectors FROM item_vectors WHERE space = :space GROUP BY domain").bindparams(
    bindparam("space", type_=Text)
)


async def create(
    connection: AsyncConnection, *, domain: str, space: str, dim: int, memory_bytes: int, workers: int
) -> None:
    """Build the index while items are read and written. The connection is one for statements outside transactions.

    Args:
        connection: its time limit for statements is lifted here, until `unlock`.
        domain: of the vectors.
        space: of the vectors.
        dim: of the space.
        memory_bytes: for the graph; see `needed_memory`.
        workers: processes that help. They share memory that a container may not have.
    """
    settings = {
        "statement_timeout": "0",
        "maintenance_work_mem": f"{max(64, memory_bytes // 2**20)}MB",
        "max_parallel_maintenance_workers": str(workers),
    }
    for name, value in settings.items():
        await connection.execute(text("SELECT set_config(:name, :value, false)"), {"name": name, "value": value})
    await connection.execute(
        text(
            f"CREATE INDEX CONCURRENTLY {index_name(domain, space)} ON item_vectors "
            f"USING hnsw ((vector::halfvec({int(dim)})) halfvec_ip_ops) "
            f"WITH (m = {M}, ef_construction = {EF_CONSTRUCTION}) WHERE {scope(domain, space)}"
        )
    )


async def drop(connection: AsyncConnection, name: str) -> None:
    """Drop an index of `indexes`, while others read."""
    await connection.execute(text("SELECT set_config('statement_timeout', '0', false)"))
    await connection.execute(text(f"DROP INDEX CONCURRENTLY IF EXISTS {name}"))
