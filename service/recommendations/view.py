"""What every recommendation of a domain needs of its catalogue, kept in memory for some seconds."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray
from sqlalchemy.ext.asyncio import async_sessionmaker

from service.database.engine import is_away
from service.database.sessions import ReadSession
from service.policy.prior import prior, shape_of
from service.recommendations import repository
from service.recommendations.repository import Catalogue, Sampled

logger = logging.getLogger(__name__)

POPULAR = 100
"""The most popular items, which are candidates for everybody."""
DRAWN = 256
"""Items drawn at random, for what is usual in the catalogue."""
FRESH_SECONDS = 30.0
"""A view older than that is read anew, beside the request that finds it old."""
MOST_DOMAINS = 256


@dataclass(frozen=True, slots=True)
class View:
    """A domain's catalogue at a glance.

    Attributes:
        popular: the items that everybody may like, the most popular first, then the newest.
        vectors: (s, dim) of some items: the popular ones and others drawn at random.
        weights: (s,) what each stands for of the whole prior; they add up to 1.
        shape: of the prior.
    """

    popular: Sampled
    vectors: NDArray[np.float32]
    weights: NDArray[np.float32]
    shape: float


def view_of(popular: Sampled, drawn: Sampled, items: float) -> View:
    """A view from what was read.

    Args:
        popular: the most popular items.
        drawn: items drawn at random.
        items: how many there are in all.
    """
    known = set(popular.ids)
    # In an order of their own: of the same items every replica makes the same to the last digit.
    others = np.array(
        sorted((n for n, one in enumerate(drawn.ids) if one not in known), key=drawn.ids.__getitem__), int
    )
    vectors = np.concatenate([popular.vectors, drawn.vectors[others]])
    each = max(items - len(popular.ids), len(others)) / max(len(others), 1)
    users = np.concatenate([popular.users, drawn.users[others]])
    stands_for = np.concatenate([np.ones(len(popular.ids)), np.full(len(others), each)])
    shape = shape_of(users, stands_for)
    weights = prior(users, shape) * stands_for
    total = float(weights.sum())
    return View(popular, vectors, (weights / total if total else weights).astype(np.float32), shape)


class Views:
    """The views of the domains that were asked for lately.

    Args:
        sessions: to read with.
        space: of the vectors.
        dim: of it.
        clock: in seconds.
    """

    def __init__(
        self,
        sessions: async_sessionmaker[ReadSession],
        space: str,
        dim: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sessions = sessions
        self._space = space
        self._dim = dim
        self._clock = clock
        self._kept: LRUCache[str, tuple[float, View]] = LRUCache(MOST_DOMAINS)
        self._reading: dict[str, asyncio.Task[View]] = {}

    async def get(self, domain: str) -> View:
        """The domain's view, at most so old; the first request of a domain waits for it, later ones do not."""
        kept = self._kept.get(domain)
        if kept is None:
            return await asyncio.shield(self._read_once(domain))
        if self._clock() - kept[0] > FRESH_SECONDS:
            self._read_once(domain)
        return kept[1]

    def _read_once(self, domain: str) -> Awaitable[View]:
        """The reading of a view: one at a time, whoever asks."""
        task = self._reading.get(domain)
        if task is None:
            task = asyncio.create_task(self._read(domain), name="view")
            self._reading[domain] = task
            task.add_done_callback(lambda done: self._ended(domain, done))
        return task

    def _ended(self, domain: str, task: asyncio.Task[View]) -> None:
        self._reading.pop(domain, None)
        error = None if task.cancelled() else task.exception()
        if error is not None and not is_away(error):
            logger.error("a view of the catalogue could not be read", exc_info=error)

    async def _read(self, domain: str) -> View:
        catalogue = Catalogue(domain, self._space, self._dim)
        async with self._sessions() as session:
            popular = await repository.liked(session, catalogue, POPULAR, enough=POPULAR)
            drawn, items = await repository.sample(session, catalogue, DRAWN)
        made = await asyncio.to_thread(view_of, popular, drawn, items)
        if made.popular.ids:  # who has just put the first items wants to see them
            self._kept[domain] = (self._clock(), made)
        return made
