"""Looks for shifts beside the requests, and keeps what was found in memory, where requests ask at no cost."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from service.beside import beside
from service.database.engine import is_away
from service.detection.profile import Profile
from service.populations import repository
from service.populations.judge import HOURS, Shift, hours_of, judge
from service.populations.repository import HourlyCount
from service.resources import Resources

logger = logging.getLogger(__name__)

LONGEST_SHARE = 0.1
"""Of the time, that looking may take: where looks take long, they come later."""

PORTION = timedelta(days=7)
"""That one statement counts by hour: in a domain of millions of changes, all at once might take it too long."""


@asynccontextmanager
async def watching(resources: Resources) -> AsyncIterator[None]:
    """Look for shifts wherever changes are declared, as long as the context is open."""
    if resources.profile is None:
        yield
        return
    async with beside(Watch(resources, resources.profile).forever(), "populations"):
        yield


class Watch:
    """One replica's looks. Each replica makes its own, of all replicas' changes.

    Args:
        resources: of the app.
        profile: whose topics are looked at.
    """

    def __init__(self, resources: Resources, profile: Profile) -> None:
        self._resources = resources
        self._profile = profile

    async def forever(self) -> None:
        """Look wherever something was declared since the last look. Nothing that goes wrong ends this."""
        every = self._resources.settings.population_every_seconds
        while True:
            domains = await self._resources.populations.noticed()
            began = time.monotonic()
            for domain in domains:
                await self._look_or_log(domain)
            await asyncio.sleep(max(every, (time.monotonic() - began) / LONGEST_SHARE))

    async def _look_or_log(self, domain: str) -> None:
        try:
            await self.look(domain)
        except Exception as error:
            self._resources.populations.notice(domain)  # again, next time
            if is_away(error):
                logger.warning("populations: the database is away")
            else:
                logger.exception("populations: a look failed")

    async def look(self, domain: str, *, older_than: timedelta = timedelta(0)) -> dict[int, Shift]:
        """A domain's shifts: as they are now, and kept, or as a look found them that is no older than asked for.

        One at a time, so that many who ask at once are answered by one look. Call it without a connection in hand.
        """
        resources = self._resources
        async with resources.populations.looking:
            now = datetime.now(UTC)
            found = resources.populations.found(domain, since=now - older_than)
            if found is None:
                async with resources.turns, resources.statements.connect() as connection:
                    found = await shifts_now(resources, connection, self._profile, domain, now)
                resources.populations.keep(domain, found, now)
        return found


async def shifts_now(
    resources: Resources, connection: AsyncConnection, profile: Profile, domain: str, now: datetime
) -> dict[int, Shift]:
    """A domain's shifts at that moment, by topic. What is usual is counted once an hour, the rest each time."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    hours = resources.populations.hours(domain)
    if hours is None or hours.until != hour:
        counts = list[HourlyCount]()
        for until in (hour - n * PORTION for n in range(timedelta(hours=HOURS) // PORTION)):
            counts += await repository.hourly(connection, domain, profile.id, until - PORTION, until)
        hours = await asyncio.to_thread(hours_of, counts, hour, len(profile.labels))
        resources.populations.keep_hours(domain, hours)
    recent = await repository.recent(connection, domain, profile.id, now)
    settings = resources.settings
    # In a thread, as requests go on meanwhile.
    return await asyncio.to_thread(
        judge,
        profile,
        hours,
        recent,
        now=now,
        min_users=settings.population_min_users,
        every_seconds=settings.population_every_seconds,
    )
