"""Counts from time to time what users took up soon after each item.

A user's order is that in which the user had to do with items for the first time. Each item is a pair with each of the
next `WITHIN` in it, and C[j, x] is how many users have x soon after j. See `service.policy.succession` for what is made
of it.
"""

from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta

from service.database import installation
from service.database.sessions import WriteSession
from service.policy.succession import LEAST_USERS, WITHIN
from service.recommendations import counts
from service.recommendations import successors_repository as repository
from service.recommendations.counts import Count
from service.recommendations.successors_repository import Graph
from service.resources import Resources

KEPT = timedelta(days=365)
"""What was seen first before that is left out."""
MOST = 100
"""Successors of an item that are kept, those of most users."""


MARK = "successors_mark"
"""The name under which the installation has what was counted last, see `successors_repository.mark`."""


def graph_at(now: datetime) -> Graph:
    """What is counted at a time."""
    return Graph(now - KEPT, WITHIN, MOST, LEAST_USERS)


async def _count(session: WriteSession, now: datetime) -> None:
    graph = graph_at(now)
    await repository.prepare(session)
    mark = await repository.mark(session, graph)  # before it is counted: what comes in between is counted again
    if mark == await installation.find(session, MARK):
        return
    await repository.count_successors(session, now, graph)
    await installation.claim(session, MARK, mark)
    await installation.replace(session, MARK, mark)


SUCCESSORS = Count("successors", repository.LOCK_KEY, _count)


def counting(resources: Resources) -> AbstractAsyncContextManager[None]:
    """Count as often as the settings say, as long as the context is open."""
    return counts.counting(resources, SUCCESSORS, timedelta(minutes=resources.settings.successors_every_minutes))


async def count_if_due(resources: Resources, every: timedelta) -> bool:
    """Count, if no replica has lately; whether it was done."""
    return await counts.count_if_due(resources, SUCCESSORS, every)
