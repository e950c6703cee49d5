"""A look into the database of a running service, past the service."""

import asyncio
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import asyncpg

import service.database.tables as _tables  # noqa: F401 - imported for what it adds to the metadata
from service.database.base import Base
from service.database.embedded import EmbeddedPostgres

T = TypeVar("T")

TABLES_OF_USERS = [
    table
    for table in Base.metadata.tables.values()
    if [column.name for column in table.primary_key.columns][:2] == ["domain", "user_key"]
]
"""Every table that holds something of users, as the metadata know them."""


@contextmanager
def address(data_dir: Path) -> Iterator[str]:
    """Of the data folder's Postgres, which runs as long as the context is open."""
    postgres = EmbeddedPostgres(data_dir)
    try:
        yield postgres.start()
    finally:
        postgres.stop()


def ask(data_dir: Path, question: Callable[[asyncpg.Connection], Awaitable[T]]) -> T:
    """What comes of a function of a connection."""

    async def asking(url: str) -> T:
        connection = await asyncpg.connect(url)
        try:
            return await question(connection)
        finally:
            await connection.close()

    with address(data_dir) as url:
        return asyncio.run(asking(url))


def rows(data_dir: Path, query: str, *values: object) -> list[dict[str, Any]]:
    """Rows of a query, by column."""

    async def fetch(connection: asyncpg.Connection) -> list[dict[str, Any]]:
        return [dict(row) for row in await connection.fetch(query, *values)]

    return ask(data_dir, fetch)


def dump(data_dir: Path) -> str:
    """The whole database as `pg_dump` writes it: schema and data of every table."""
    programs = EmbeddedPostgres(data_dir)._server().bin_path  # of the very version that serves
    with address(data_dir) as url:
        command = [str(programs / "pg_dump"), url]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout
