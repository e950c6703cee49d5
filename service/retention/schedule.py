"""Runs retention from time to time, beside the requests of a service, on one replica at a time."""

import asyncio
import logging
import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from service.beside import beside
from service.database.engine import is_away
from service.resources import Resources
from service.retention import repository
from service.retention.cleanups import cleanups
from service.retention.rules import Cutoffs
from service.retention.service import Run

logger = logging.getLogger(__name__)

LONGEST_WAIT = timedelta(minutes=10)
"""How long a replica waits at most before it looks again whether a run is due: the one that ran before may be gone."""
FIRST_AFTER = timedelta(minutes=1)
"""How long a service that has just started leaves the database to its requests."""
RETRY_AFTER = timedelta(minutes=1)
JITTER = 0.1


@asynccontextmanager
async def scheduled(resources: Resources) -> AsyncIterator[None]:
    """Run retention as often as the settings say, as long as the context is open.

    A run that is under way when it closes ends between two statements: what it removed stays removed.
    """
    settings = resources.settings
    hours = settings.retention_every_hours
    if not hours:
        yield
        return
    async with beside(Schedule(resources, every=timedelta(hours=hours)).forever(), "retention"):
        yield


class Schedule:
    """A replica's part in the runs of all.

    Args:
        resources: of the app.
        every: from the beginning of one run to that of the next, whichever replica runs it.
    """

    def __init__(self, resources: Resources, *, every: timedelta) -> None:
        self._resources = resources
        self._every = every
        self._unfinished = False

    async def forever(self) -> None:
        """Look again and again whether a run is due, and run it. Nothing that goes wrong ends this."""
        wait = min(self._every, FIRST_AFTER)
        while True:
            # Replicas that were started together need not ask together.
            await asyncio.sleep(wait.total_seconds() * random.uniform(1 - JITTER, 1 + JITTER))  # noqa: S311 - no secret
            wait = min(self._every, LONGEST_WAIT)
            try:
                await self.run_if_due()
            except Exception as error:
                wait = min(wait, RETRY_AFTER)
                if is_away(error):
                    logger.warning("retention: the database is away; trying again in %d s", wait.total_seconds())
                else:
                    logger.exception("retention failed; trying again in %d s", wait.total_seconds())

    async def run_if_due(self) -> Counter[str] | None:
        """One run, if no replica has begun one lately or ours was cut short; the rows that it removed by table."""
        async with self._turn(), self._resources.write_sessions.begin() as session:
            now = await repository.claim(session, every=self._every, force=self._unfinished)
        if now is None:
            return None
        self._unfinished = True
        removed = await self._run(now)
        self._unfinished = False
        return removed

    async def _run(self, now: datetime) -> Counter[str]:
        began = time.perf_counter()
        settings = self._resources.settings
        run = Run(self._resources.engine, Cutoffs.of(settings, now), now, turn=self._turn, cleanups=cleanups(settings))
        removed = await run.remove()
        told = ", ".join(f"{table} {rows}" for table, rows in removed.items())
        logger.info("retention: removed in %.1f s: %s", time.perf_counter() - began, told)
        return removed

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        async with self._resources.turns:  # one of the requests' places, between two of them
            yield
