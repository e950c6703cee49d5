"""How many users had to do with each item, counted beside everything else."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from service.database import migrate
from service.deliveries import renumber_repository
from service.items import index_repository, write_repository
from service.recommendations import repository as recommendations
from service.recommendations import successors_repository as successors
from service.recommendations.popularity import count_if_due
from service.retention import repository as retention
from service.webhooks import repository as webhooks
from tests.items.conftest import Open, execute, fetch, until

pytestmark = pytest.mark.anyio

ANEW = timedelta(0)
LATER = timedelta(hours=1)
SOON_S = 20

_SEEN = """
    INSERT INTO seen_items (domain, user_key, item_id, seen_at, first_seen_at)
    VALUES (:domain, :user, :item, now() - make_interval(days => :days), now() - make_interval(days => :days))
"""
_COUNTS = "SELECT domain, item_id, users, counted_at FROM item_popularity ORDER BY domain, item_id"
_COUNTING = """
    SELECT backend_xid FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%item_popularity%'
"""


async def see(engine: AsyncEngine, user: str, item: str, *, days: int = 0, domain: str = "default") -> None:
    await execute(engine, _SEEN, user=user.encode(), item=item, days=days, domain=domain)


async def counts(engine: AsyncEngine) -> dict[tuple[str, str], int]:
    return {(row.domain, row.item_id): row.users for row in await fetch(engine, _COUNTS)}


async def test_users_are_counted_as_they_come_and_go(open_service: Open, engine: AsyncEngine) -> None:
    service = await open_service(popularity_every_minutes=0.0)
    for user, item, days in (("a", "x", 0), ("b", "x", 0), ("a", "y", 0), ("a", "old", 31)):
        await see(engine, user, item, days=days)
    await see(engine, "a", "x", domain="other")
    assert await count_if_due(service.resources, ANEW)
    assert await counts(engine) == {("default", "x"): 2, ("default", "y"): 1, ("other", "x"): 1}
    assert not await count_if_due(service.resources, LATER)  # by whichever replica, it was done lately
    (before,) = [row.counted_at for row in await fetch(engine, _COUNTS) if row.domain == "other"]
    await see(engine, "c", "x")
    await execute(engine, "DELETE FROM seen_items WHERE item_id = 'y'")
    assert await count_if_due(service.resources, ANEW)
    assert await counts(engine) == {("default", "x"): 3, ("other", "x"): 1}
    (after,) = [row.counted_at for row in await fetch(engine, _COUNTS) if row.domain == "other"]
    assert after == before  # what is as it was is not written again


async def test_counting_holds_up_neither_the_catalogue_nor_webhooks(open_service: Open, engine: AsyncEngine) -> None:
    """Webhooks and the stream wait for every transaction that has an id."""
    service = await open_service(popularity_every_minutes=0.0)
    await see(engine, "a", "x")

    async def is_counting() -> bool:
        return bool(await fetch(engine, _COUNTING))

    async with engine.begin() as slow:  # as long as this holds the table, the counting lasts
        await slow.execute(text("LOCK TABLE seen_items IN ACCESS EXCLUSIVE MODE"))
        counting = asyncio.create_task(count_if_due(service.resources, ANEW))
        await until(is_counting)
        assert [row.backend_xid for row in await fetch(engine, _COUNTING)] == [None]
        async with asyncio.timeout(SOON_S):
            await service.put({"item_id": "x", "text": "one"})
    assert await counting
    assert await counts(engine) == {("default", "x"): 1}


def test_each_lock_has_a_key_of_its_own() -> None:
    keys = [
        migrate.LOCK_KEY,
        retention.LOCK_KEY,
        webhooks.LOCK_KEY,
        index_repository.LOCK_KEY,
        write_repository.SPACES_KEY,
        recommendations.LOCK_KEY,
        successors.LOCK_KEY,
        renumber_repository.LOCK_KEY,
    ]
    assert len(set(keys)) == len(keys)
