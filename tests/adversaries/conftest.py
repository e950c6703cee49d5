"""A service on a Postgres that the tests can look into."""

import asyncio
from collections.abc import Callable, Iterator

import asyncpg
import pytest

import service.database.tables as _tables  # noqa: F401 - imported for what it adds to the metadata
from service.database.base import Base
from service.database.embedded import EmbeddedPostgres
from tests.conftest import data_folder

Fingerprints = dict[str, tuple[int, str]]


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    with data_folder() as folder:
        server = EmbeddedPostgres(folder)
        yield server.start()
        server.stop()


@pytest.fixture
def fingerprints(postgres_url: str) -> Callable[[], Fingerprints]:
    """Rows, and a checksum of everything in them, by table."""

    async def look() -> Fingerprints:
        connection = await asyncpg.connect(postgres_url)
        try:
            found = {}
            for table in Base.metadata.tables:
                # Each minute the service says there that it lives.
                row = "(to_jsonb(t) - 'seen_at')::text" if table == "item_spaces" else "t::text"
                query = f"SELECT count(*), md5(string_agg({row}, '|' ORDER BY {row})) FROM {table} AS t"  # noqa: S608
                found[table] = tuple(await connection.fetchrow(query))
            return found
        finally:
            await connection.close()

    return lambda: asyncio.run(look())
