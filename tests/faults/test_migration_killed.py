"""A migration cut off in its middle leaves nothing behind, and the next start finishes it."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection

import service.database.tables as _tables  # noqa: F401 - imported for what it adds to the metadata
from service.database import migrate
from service.database.base import Base
from service.database.embedded import EmbeddedPostgres
from service.database.engine import make_engine
from tests.conftest import ROOT, clean_environment
from tests.faults.conftest import LIMIT_S

pytestmark = pytest.mark.anyio

TABLE = "installation"
"""The last table of the first step."""


@pytest.fixture
def database_url(folder: Path) -> Iterator[str]:
    server = EmbeddedPostgres(folder)
    yield server.start()
    server.stop()


def start_migrating(url: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "service", "migrate"],
        cwd=ROOT,
        env=clean_environment() | {"DATABASE_URL": url},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


async def finish(process: subprocess.Popen[str]) -> str:
    told, _ = await asyncio.to_thread(process.communicate, timeout=LIMIT_S)
    assert process.returncode == 0, told
    return told


@asynccontextmanager
async def held_up(url: str) -> AsyncIterator[asyncpg.Connection]:
    """As long as this is open, a migration waits in its middle: somebody else is about to make one of its tables."""
    connection = await asyncpg.connect(url)
    try:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(f"CREATE TABLE {TABLE} (name text)")
        yield connection
        await transaction.rollback()
    finally:
        await connection.close()


async def until(url: str, query: str, right: Callable[[int], bool]) -> None:
    connection = await asyncpg.connect(url)
    try:
        async with asyncio.timeout(LIMIT_S):
            while not right(await connection.fetchval(query)):  # noqa: ASYNC110 - Postgres tells nobody
                await asyncio.sleep(0.02)
    finally:
        await connection.close()


async def until_waiting(url: str, what: str) -> None:
    """Wait until a statement that begins so waits for a lock."""
    waiting = "FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    query = f"SELECT count(*) {waiting} AND btrim(query, E' \\n') LIKE '{what}%'"
    await until(url, query, lambda statements: statements > 0)


async def tables(url: str) -> set[str]:
    connection = await asyncpg.connect(url)
    try:
        return {row[0] for row in await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}
    finally:
        await connection.close()


async def assert_schema_is_right(url: str) -> None:
    def differences(connection: Connection) -> list[object]:
        return list(compare_metadata(MigrationContext.configure(connection), Base.metadata))

    engine = make_engine(url)
    try:
        assert await migrate.is_current(engine)
        async with engine.connect() as connection:
            assert await connection.run_sync(differences) == []
    finally:
        await engine.dispose()


async def until_alone(url: str) -> None:
    """Wait until Postgres has noticed that the killed process is gone."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'swerve/%'"
    await until(url, query, lambda connections: connections == 0)


async def test_killed_in_the_middle_it_leaves_nothing_and_is_finished_next_time(database_url: str) -> None:
    async with held_up(database_url):
        process = start_migrating(database_url)
        await until_waiting(database_url, f"CREATE TABLE {TABLE}")
        process.kill()
        await asyncio.to_thread(process.communicate)
    await until_alone(database_url)
    assert await tables(database_url) == set()
    await finish(start_migrating(database_url))
    await assert_schema_is_right(database_url)


async def test_two_at_once_take_turns(database_url: str) -> None:
    async with held_up(database_url):
        processes = [start_migrating(database_url) for _ in range(2)]
        await until_waiting(database_url, f"CREATE TABLE {TABLE}")
        await until_waiting(database_url, "SELECT pg_advisory_xact_lock")
    await asyncio.gather(*(finish(process) for process in processes))
    await assert_schema_is_right(database_url)
