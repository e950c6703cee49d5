"""One run of retention: everything past its time goes, in transactions that are short and many."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncEngine

from service.database.sessions import ReadSession, WriteSession, read_sessions, write_sessions
from service.identity import UserKeys
from service.retention import repository
from service.retention.repository import Page, User
from service.retention.rules import Cleanup, Cutoffs
from service.users import repository as users

_AGES: dict[str, Callable[[Cutoffs], datetime | None]] = {
    "snapshots": lambda cutoffs: cutoffs.snapshots,
    "mutations": lambda cutoffs: cutoffs.snapshots,
    "seen_events": lambda cutoffs: cutoffs.events,
    "seen_items": lambda cutoffs: cutoffs.events,
    "user_memory": lambda cutoffs: cutoffs.events,
}
"""Tables whose rows go by their own age, and by which of the cutoffs."""

Turn = Callable[[], AbstractAsyncContextManager[None]]


@dataclass(frozen=True)
class Run:
    """One run over a database.

    Attributes:
        engine: of the database.
        cutoffs: what is older goes.
        now: the time of the run.
        turn: entered around each transaction; where others share the engine, a place in their queue.
        cleanups: done last.
    """

    engine: AsyncEngine
    cutoffs: Cutoffs
    now: datetime
    turn: Turn = nullcontext
    cleanups: Sequence[Cleanup] = ()

    async def remove(self) -> Counter[str]:
        """Remove what is past its time; rows by table.

        What was removed stays so when the run ends early: each batch is a transaction of its own.
        """
        removed = Counter[str](dict.fromkeys(self._tables(), 0))
        async for page in self._pages():
            await self._remove_of_page(page, removed)
        if (cutoff := self.cutoffs.tombstones) is not None:
            await self._batches(removed, "tombstones", lambda s: repository.remove_tombstones(s, cutoff))
        for cleanup in self.cleanups:
            await self._batches(removed, cleanup.table, _expired(cleanup, self.now))
        return removed

    async def count(self) -> Counter[str]:
        """What `remove` would remove; rows by table."""
        counted = Counter[str](dict.fromkeys(self._tables(), 0))
        async for page in self._pages():
            async with self._reading() as session:
                await self._count_of_page(session, page, counted)
        async with self._reading() as session:
            if self.cutoffs.tombstones is not None:
                counted["tombstones"] += await repository.count_tombstones(session, self.cutoffs.tombstones)
            for cleanup in self.cleanups:
                counted[cleanup.table] += await cleanup.count_expired(session, self.now)
        return counted

    def _tables(self) -> list[str]:
        tables = ["user_states", *_AGES, "tombstones"]
        return list(dict.fromkeys([*tables, *(cleanup.table for cleanup in self.cleanups)]))

    def _aged(self) -> list[tuple[str, datetime]]:
        """Tables whose rows go by their own age, and what is too old in them."""
        return [(table, cutoff) for table, of in _AGES.items() if (cutoff := of(self.cutoffs)) is not None]

    async def _pages(self) -> AsyncIterator[Page]:
        after = repository.START
        while self._aged() or self.cutoffs.users is not None:
            async with self._reading() as session:
                page = await repository.next_page(session, after)
            if not page:
                return
            yield page
            after = page[-1]

    async def _remove_of_page(self, page: Page, removed: Counter[str]) -> None:
        if self.cutoffs.users is not None:
            async with self._reading() as session:
                idle = await repository.idle_users(session, page, self.cutoffs.users)
            for user in idle:
                removed.update(await self._remove_user(user, self.cutoffs.users))
        for table, cutoff in self._aged():
            await self._batches(removed, table, _old(table, page, cutoff))

    async def _remove_user(self, user: User, cutoff: datetime) -> dict[str, int]:
        """Remove one user as a whole, in one transaction: a request of the user comes before it or after it."""
        async with self._writing() as session:
            if not await repository.lock_if_idle(session, user, cutoff):
                return {}
            return dict(await users.remove(session, UserKeys(user[0], user[1], key_id="")))

    async def _count_of_page(self, session: ReadSession, page: Page, counted: Counter[str]) -> None:
        if self.cutoffs.users is not None:
            for user in await repository.idle_users(session, page, self.cutoffs.users):
                for name in (table.__tablename__ for table in users.TABLES):
                    counted[name] += await repository.count_of(session, name, user)
        for name, cutoff in self._aged():
            counted[name] += await repository.count_old(session, name, page, cutoff, kept_since=self.cutoffs.users)

    async def _batches(
        self, removed: Counter[str], table: str, remove: Callable[[WriteSession], Awaitable[int]]
    ) -> None:
        """Remove batch after batch until one finds nothing."""
        gone = -1
        while gone:
            async with self._writing() as session:
                gone = await remove(session)
            removed[table] += gone

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[WriteSession]:
        async with self.turn(), write_sessions(self.engine).begin() as session:
            await repository.wait_for_turn(session)
            yield session

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[ReadSession]:
        async with self.turn(), read_sessions(self.engine)() as session:
            yield session


def _old(table: str, page: Page, cutoff: datetime) -> Callable[[WriteSession], Awaitable[int]]:
    return lambda session: repository.remove_old(session, table, page, cutoff)


def _expired(cleanup: Cleanup, now: datetime) -> Callable[[WriteSession], Awaitable[int]]:
    return lambda session: cleanup.delete_expired(session, now)
