"""Counts from time to time how many users had to do with each item."""

from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta

from service.database.sessions import WriteSession
from service.recommendations import counts, repository
from service.recommendations.counts import Count
from service.resources import Resources

LATELY = timedelta(days=30)


async def _count(session: WriteSession, now: datetime) -> None:
    await repository.count_popularity(session, now, LATELY)


POPULARITY = Count("popularity", repository.LOCK_KEY, _count)


def counting(resources: Resources) -> AbstractAsyncContextManager[None]:
    """Count as often as the settings say, as long as the context is open."""
    return counts.counting(resources, POPULARITY, timedelta(minutes=resources.settings.popularity_every_minutes))


async def count_if_due(resources: Resources, every: timedelta) -> bool:
    """Count, if no replica has lately; whether it was done."""
    return await counts.count_if_due(resources, POPULARITY, every)
