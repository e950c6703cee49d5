"""Load on a real service with a real Postgres, while faults come."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from bench.faults.system import System, running
from bench.faults.traffic import Client, Ledger, crowd, sessions
from bench.faults.verify import Reckoning, reckon
from tests.conftest import data_folder

LIMIT_S = 90
"""How long a condition may take to come true: far more than it does on a slow machine."""


@dataclass
class Traffic:
    """Clients at work.

    Attributes:
        ledger: what they sent and what became of it.
        session: more connections to the same service.
        tasks: the clients.
    """

    ledger: Ledger
    session: aiohttp.ClientSession
    tasks: Sequence[asyncio.Task[None]]

    async def more(self, acknowledgements: int) -> None:
        """Wait until so many requests that are sent from now on are acknowledged."""
        begun, seen = self.ledger.now(), len(self.ledger.attempts)

        def reached() -> bool:
            good = (a for a in self.ledger.attempts[seen:] if a.status == 200 and a.sent > begun)
            return sum(1 for _ in good) >= acknowledgements

        await self.until(reached)

    async def refused(self, times: int) -> None:
        """Wait until so many more requests are refused with 503."""
        goal = self.ledger.statuses[503] + times
        await self.until(lambda: self.ledger.statuses[503] >= goal)

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait for a condition, while no client may fail."""
        async with asyncio.timeout(LIMIT_S):
            while not true():
                for task in self.tasks:
                    if task.done():
                        task.result()
                await asyncio.sleep(0.02)


@asynccontextmanager
async def traffic(url: str, clients: Callable[[Ledger], Sequence[Client]]) -> AsyncIterator[Traffic]:
    """Clients that work as long as the context is open; then every request that was begun is acknowledged."""
    ledger, stop = Ledger(), asyncio.Event()
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(sessions(url))
        tasks = [asyncio.create_task(client.run(session, stop)) for client in clients(ledger)]
        try:
            yield Traffic(ledger, session, tasks)
            stop.set()
            async with asyncio.timeout(LIMIT_S):
                await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def reckoning(url: str, ledger: Ledger) -> Reckoning:
    async with sessions(url) as session:
        return await reckon(session, ledger)


async def assert_nothing_lost_or_doubled(url: str, ledger: Ledger) -> None:
    """Every acknowledged behaviour is a duplicate when sent again, and no user holds more than was acknowledged."""
    found = await reckoning(url, ledger)
    assert found.acknowledged > 0
    assert (found.lost, found.doubled) == (0, 0), found
    assert found.held == found.acknowledged


@pytest.fixture
def folder() -> Iterator[Path]:
    with data_folder() as made:
        yield made


@pytest.fixture
def system(folder: Path, model_dir: Path) -> Iterator[System]:
    """A service with a Postgres of its own."""
    with running(folder, model_dir) as started:
        yield started


Clients = Callable[[Ledger], Sequence[Client]]


@pytest.fixture
def clients(themes: dict[str, list[str]]) -> Clients:
    """Six clients with three users each, and two users whom all of them share."""
    texts = [text for theme in themes.values() for text in theme]
    return lambda ledger: crowd(ledger, texts, clients=6, users=3, shared=2, rate=15.0)
