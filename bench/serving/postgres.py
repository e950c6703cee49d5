"""One real Postgres for a part of the benchmark, thrown away afterwards."""

import asyncio
import tempfile
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import asyncpg

from service.database.embedded import DATABASE, EmbeddedPostgres

T = TypeVar("T")


@contextmanager
def postgres() -> Iterator[str]:
    """The address of a database on the server that the service embeds, durable as it is there, in an empty folder."""
    with tempfile.TemporaryDirectory(prefix="swerve-bench-") as folder:
        server = EmbeddedPostgres(Path(folder) / "data")
        try:
            yield server.start()
        finally:
            server.stop()


def make_database(url: str, name: str) -> str:
    """One more database on the server of that address; its address."""
    execute(url, f'CREATE DATABASE "{name}"')
    return url.replace(f"/{DATABASE}?", f"/{name}?")


def execute(url: str, statement: str) -> None:
    """Run one statement, or a script of several, outside of any transaction."""
    run(_execute(url, statement))


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """What the coroutine gives, from a part that is not asynchronous itself."""
    return asyncio.run(coroutine)
