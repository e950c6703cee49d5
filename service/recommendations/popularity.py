"""Counts from time to time how many users had to do with each item, on one replica at a time."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from service.beside import beside
from service.database import installation
from service.database.engine import is_away
from service.recommendations import repository
from service.resources import Resources

logger = logging.getLogger(__name__)

LATELY = timedelta(days=30)
LAST_COUNT = "popularity_last_count"
FIRST_AFTER_SECONDS = 1.0
LOOKS = 4
"""How often a replica looks in the time after which it is counted again: the one that counted may be gone."""


@asynccontextmanager
async def counting(resources: Resources) -> AsyncIterator[None]:
    """Count as often as the settings say, as long as the context is open."""
    every = timedelta(minutes=resources.settings.popularity_every_minutes)
    if not every:
        yield
        return
    async with beside(_forever(resources, every), "popularity"):
        yield


async def _forever(resources: Resources, every: timedelta) -> None:
    wait = FIRST_AFTER_SECONDS
    while True:
        await asyncio.sleep(wait)
        wait = every.total_seconds() / LOOKS
        try:
            await count_if_due(resources, every)
        except Exception as error:
            if is_away(error):
                logger.warning("popularity: the database is away; trying again in %d s", wait)
            else:
                logger.exception("popularity could not be counted; trying again in %d s", wait)


async def count_if_due(resources: Resources, every: timedelta) -> bool:
    """Count, if no replica has lately; whether it was done."""
    async with resources.turns, resources.write_sessions.begin() as session:
        now = await repository.try_lock_count(session)
        if now is None:
            return False
        last = await installation.find(session, LAST_COUNT)
        if last is not None and now - datetime.fromisoformat(last) < every:
            return False
        # Before anything is written. Whoever has written holds up webhooks and the stream until it has committed, and
        # counting may take minutes.
        await repository.count_popularity(session, now, LATELY)
        await installation.claim(session, LAST_COUNT, now.isoformat())
        await installation.replace(session, LAST_COUNT, now.isoformat())
    return True
