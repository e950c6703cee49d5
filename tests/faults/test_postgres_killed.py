"""Postgres killed under load: refusals that say when to come again, and then everything goes on, nothing lost."""

import asyncio
import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bench.faults.system import System, kill_postgres, postgres_processes, running
from service.database.embedded import EmbeddedPostgres
from tests.faults.conftest import Clients, Traffic, assert_nothing_lost_or_doubled, traffic

pytestmark = pytest.mark.anyio


@contextmanager
def nobody_may_start(data_dir: Path) -> Iterator[None]:
    """Holds the lock under which the folder's Postgres is started, so that it stays away."""
    with (data_dir / "postgres.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


async def assert_says_that_the_database_is_away(load: Traffic) -> None:
    async with load.session.get("/users/somebody/interest") as answer:
        assert answer.status == 503
        assert int(answer.headers["Retry-After"]) >= 1
        assert (await answer.json())["type"] == "/problems/database-unavailable"
    async with load.session.get("/readyz") as answer:
        assert answer.status == 503
        told = {check["name"]: check["ok"] for check in (await answer.json())["checks"]}
        assert told == {"model": True, "database": False}
    async with load.session.get("/livez") as answer:
        assert answer.status == 200


async def assert_ready(load: Traffic) -> None:
    async with load.session.get("/readyz") as answer:
        assert answer.status == 200, await answer.text()


async def test_the_embedded_one_is_started_again_by_the_service(system: System, clients: Clients) -> None:
    async with traffic(system.url, clients) as load:
        await load.more(60)
        await assert_ready(load)
        with nobody_may_start(system.data_dir):
            await asyncio.to_thread(system.kill_postgres)
            await load.refused(10)
            await assert_says_that_the_database_is_away(load)
        await load.more(60)
        await assert_ready(load)
        await asyncio.to_thread(system.kill_postgres)  # at once again
        await load.more(60)
    assert set(load.ledger.statuses) <= {200, 503}
    await assert_nothing_lost_or_doubled(system.url, load.ledger)
    assert len(system.told().split("starting it again")) - 1 == 2


async def test_an_external_one_is_found_again_once_it_is_back(folder: Path, model_dir: Path, clients: Clients) -> None:
    outside = folder / "outside"
    postgres = EmbeddedPostgres(outside)
    try:
        url = await asyncio.to_thread(postgres.start)
        with running(folder, model_dir, DATABASE_URL=url) as system:
            async with traffic(system.url, clients) as load:
                await load.more(60)
                await asyncio.to_thread(kill_postgres, outside)
                await load.refused(10)
                await assert_says_that_the_database_is_away(load)
                await asyncio.to_thread(postgres.revive)
                await load.more(60)
                await assert_ready(load)
            assert set(load.ledger.statuses) <= {200, 503}
            await assert_nothing_lost_or_doubled(system.url, load.ledger)
    finally:
        await asyncio.to_thread(postgres.stop)


async def test_a_connection_that_dies_alone_costs_one_refusal_at_most(system: System, clients: Clients) -> None:
    """A backend killed with -9: Postgres itself ends all the others and recovers."""
    async with traffic(system.url, clients) as load:
        await load.more(30)
        backend = next(p for p in postgres_processes(system.data_dir) if "idle" in " ".join(p.cmdline()))
        backend.kill()
        await load.more(60)
        await assert_ready(load)
    assert set(load.ledger.statuses) <= {200, 503}
    await assert_nothing_lost_or_doubled(system.url, load.ledger)
    assert "starting it again" not in system.told()
