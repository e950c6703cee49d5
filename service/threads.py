"""Blocking resources in async code."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

T = TypeVar("T")


@asynccontextmanager
async def opened_in_thread(start: Callable[[], T], stop: Callable[[T], None]) -> AsyncIterator[T]:
    """Open and close a blocking resource in threads.

    A thread cannot be interrupted: when the caller is cancelled while the resource opens, it is waited for and closed,
    so that nothing is left running.
    """
    opening = asyncio.ensure_future(asyncio.to_thread(start))
    try:
        yield await asyncio.shield(opening)
    finally:
        await asyncio.wait({opening})
        if opening.exception() is None:
            await asyncio.shield(asyncio.to_thread(stop, opening.result()))
