"""One reader of the outbox for all the listeners of this process.

Listeners hold no connection to the database and cost it nothing. Each has a short queue: who reads more slowly than
changes come is cut off instead of being buffered without end, and resumes where it was.
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from service.beside import beside
from service.database.engine import is_away
from service.mutations import repository
from service.mutations.message import message_of
from service.mutations.repository import Place, Stored
from service.problems import DatabaseUnavailable, NotReady, Saturated
from service.resources import Resources
from service.sealing import SealError, unseal

logger = logging.getLogger(__name__)

PAGE = 200
"""Changes that are read at a time."""
QUEUE = 1000
"""Changes that a listener may be behind."""
JOIN_S = 5.0
LOOK_S = 0.5
"""How often the reader looks whether the service stops, however rarely it looks for changes."""


@dataclass(frozen=True, slots=True)
class Event:
    """A change as it is sent, and its place, from which a listener resumes."""

    place: Place
    data: bytes


class Listener:
    """Who listens: the changes in one domain, or in all.

    Attributes:
        domain: None for all.
        began: the place after which everything comes; known once the reader has seen the listener.
        slow: whether it was cut off for being too slow.
        ended: whether it is sent nothing more.
    """

    def __init__(self, domain: str | None) -> None:
        self.domain = domain
        self.began: asyncio.Future[Place] = asyncio.get_running_loop().create_future()
        self.slow = False
        self._waiting: deque[Event] = deque()
        self.ended = asyncio.Event()
        self._news = asyncio.Event()

    def offer(self, event: Event) -> None:
        """Have it send an event; one too many ends it."""
        if len(self._waiting) >= QUEUE:
            self.slow = True
            self.end()
            return
        self._waiting.append(event)
        self._news.set()

    def end(self) -> None:
        """Send nothing more."""
        self.ended.set()
        self._news.set()

    async def next(self, wait_s: float) -> Event | None:
        """The next event; None where there was none for so long.

        Raises:
            EOFError: it was ended.
        """
        if not self._waiting and not self.ended.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._news.wait()
        if self.ended.is_set():
            raise EOFError
        event = self._waiting.popleft() if self._waiting else None
        if not self._waiting:
            self._news.clear()
        return event


class Feed:
    """The reader and its listeners.

    Args:
        resources: of the app.
        max_listeners: at a time.
    """

    def __init__(self, resources: Resources, *, max_listeners: int) -> None:
        self._resources = resources
        self._max_listeners = max_listeners
        self._listeners: set[Listener] = set()
        self._wanted = asyncio.Event()
        self._place: Place | None = None

    async def join(self, domain: str | None) -> Listener:
        """A new listener, to be given to `leave` at the end.

        Raises:
            Saturated: there are as many as may be.
            NotReady: the service stops.
            DatabaseUnavailable: the outbox cannot be read right now.
        """
        if self._resources.draining:
            raise NotReady("The service is about to stop. Listen to another replica, or again after Retry-After.")
        if len(self._listeners) >= self._max_listeners:
            raise Saturated(
                "As many clients listen as may, SWERVE_MAX_STREAMS. Try again after Retry-After.",
                retry_after=5,
                reason="too_many_streams",
            )
        listener = Listener(domain)
        self._listeners.add(listener)
        self._resources.metrics.stream_listeners.set(len(self._listeners))
        self._wanted.set()
        try:
            async with asyncio.timeout(JOIN_S):
                await asyncio.shield(listener.began)
        except BaseException as error:
            self.leave(listener)
            if isinstance(error, TimeoutError):
                raise DatabaseUnavailable from error
            raise
        return listener

    def leave(self, listener: Listener) -> None:
        """Forget a listener. A second time it is without effect."""
        self._listeners.discard(listener)
        self._resources.metrics.stream_listeners.set(len(self._listeners))
        if listener.slow:
            listener.slow = False
            self._resources.metrics.cut("slow")

    def cut(self, listener: Listener) -> None:
        """Note that a listener is sent no more, for its key is no longer valid or cannot be looked at."""
        listener.end()
        self._resources.metrics.cut("key")

    async def between(self, start: Place, end: Place, domain: str | None) -> AsyncIterator[Event]:
        """Changes after one place and up to another, for who was away meanwhile; a page of them in memory at a time."""
        place, full = start, True
        while full:
            page = await self._read(place, until=end, domain=domain)
            for place, stored in page:
                if (event := self._event(place, stored)) is not None:
                    yield event
            full = len(page) == PAGE

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Read as long as the context is open and somebody listens; listeners are ended when it closes."""
        try:
            async with beside(self._forever(), "stream"):
                yield
        finally:
            self._end_all()

    async def _forever(self) -> None:
        poll = self._resources.settings.mutations_poll_seconds
        loop = asyncio.get_running_loop()
        due = 0.0
        while True:
            if not self._listeners:
                self._place = None
                self._wanted.clear()
                await self._wanted.wait()
            if self._resources.draining:
                self._end_all()
            elif self._wanted.is_set() or loop.time() >= due:
                self._wanted.clear()
                due = loop.time() + poll
                try:
                    await self._look()
                except Exception as error:
                    if is_away(error):
                        logger.warning("the stream: the database is away; trying again in %g s", poll)
                    else:
                        logger.exception("the stream failed; trying again in %g s", poll)
            with suppress(TimeoutError):
                async with asyncio.timeout(min(LOOK_S, max(0.0, due - loop.time()))):
                    await self._wanted.wait()

    async def _look(self) -> None:
        """Read what is new, and let newcomers in."""
        full = True
        while full:
            if self._place is None:
                async with self._resources.turns, self._resources.read_sessions() as session:
                    self._place = await repository.settled(session)
            for listener in self._listeners:
                if not listener.began.done():
                    listener.began.set_result(self._place)
            page = await self._read(self._place)
            for place, stored in page:
                self._place = place
                self._tell(place, stored)
            full = len(page) == PAGE

    def _tell(self, place: Place, stored: Stored) -> None:
        event = self._event(place, stored)
        if event is None:
            return
        for listener in self._listeners:
            if listener.began.done() and listener.domain in {None, stored.domain}:
                listener.offer(event)

    def _event(self, place: Place, stored: Stored) -> Event | None:
        try:
            user_id = unseal(self._resources.secrets, stored.sealed, about=stored.mutation_id.bytes)
        except SealError:
            logger.exception("a change cannot be told")
            return None
        return Event(place, message_of(stored, user_id))

    async def _read(
        self, start: Place, *, until: Place | None = None, domain: str | None = None
    ) -> list[tuple[Place, Stored]]:
        async with self._resources.turns, self._resources.read_sessions() as session:
            return await repository.after(session, start, until=until, domain=domain, limit=PAGE)

    def _end_all(self) -> None:
        for listener in self._listeners:
            listener.end()
