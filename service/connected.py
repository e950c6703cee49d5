"""Connections for requests that say for themselves how many transactions they are."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncConnection

from service import timing
from service.database.engine import CONNECT_TIMEOUT_S, DatabaseAwayError
from service.resources import Resources


@asynccontextmanager
async def connected(resources: Resources, *, transaction: bool = False) -> AsyncIterator[AsyncConnection]:
    """A connection, on which each statement is a transaction of its own unless one is asked for.

    Raises:
        DatabaseAwayError: none was free in time.
    """
    engine = resources.engine if transaction else resources.statements
    waiting = time.perf_counter()
    async with _turn(resources), engine.connect() as connection:
        timing.count("database", time.perf_counter() - waiting)
        yield connection


@asynccontextmanager
async def _turn(resources: Resources) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            await resources.turns.acquire()
    except TimeoutError as error:
        raise DatabaseAwayError(f"no connection was free within {CONNECT_TIMEOUT_S:g} s") from error
    try:
        yield
    finally:
        resources.turns.release()
