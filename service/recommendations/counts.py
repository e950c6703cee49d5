"""Counts from time to time what all users did, beside the requests, on one replica at a time."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from service.beside import beside
from service.database import installation
from service.database.engine import is_away
from service.database.sessions import WriteSession
from service.recommendations import repository
from service.resources import Resources

logger = logging.getLogger(__name__)

FIRST_AFTER_SECONDS = 1.0
LOOKS = 4
"""How often a replica looks in the time after which it is counted again: the one that counted may be gone."""


@dataclass(frozen=True, slots=True)
class Count:
    """Something that is counted.

    Attributes:
        name: of what is counted, in the log.
        lock_key: of the advisory lock under which it is.
        count: counts, given a session and its time. It writes nothing before all is counted: whoever has written holds
            up webhooks and the stream until it has committed, and counting may take minutes.
    """

    name: str
    lock_key: int
    count: Callable[[WriteSession, datetime], Awaitable[None]]

    @property
    def last(self) -> str:
        """The name under which the installation has the time of the last one."""
        return f"{self.name}_last_count"


@asynccontextmanager
async def counting(resources: Resources, what: Count, every: timedelta) -> AsyncIterator[None]:
    """Count so often, never if that is 0, as long as the context is open."""
    if not every:
        yield
        return
    async with beside(_forever(resources, what, every), what.name):
        yield


async def _forever(resources: Resources, what: Count, every: timedelta) -> None:
    wait = FIRST_AFTER_SECONDS
    while True:
        await asyncio.sleep(wait)
        wait = every.total_seconds() / LOOKS
        try:
            await count_if_due(resources, what, every)
        except Exception as error:
            if is_away(error):
                logger.warning("%s: the database is away; trying again in %d s", what.name, wait)
            else:
                logger.exception("%s could not be counted; trying again in %d s", what.name, wait)


async def count_if_due(resources: Resources, what: Count, every: timedelta) -> bool:
    """Count, if no replica has lately; whether it was done."""
    async with resources.turns, resources.write_sessions.begin() as session:
        now = await repository.try_lock_count(session, what.lock_key)
        if now is None:
            return False
        last = await installation.find(session, what.last)
        if last is not None:
            resources.metrics.counted(what.name, datetime.fromisoformat(last))
            if now - datetime.fromisoformat(last) < every:
                return False
        await what.count(session, now)
        await installation.claim(session, what.last, now.isoformat())
        await installation.replace(session, what.last, now.isoformat())
    resources.metrics.counted(what.name, now)
    return True
