"""A database that was restored into another cluster, whose transactions have lower numbers."""

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from service.app import open_resources
from service.encoder import FakeEncoder
from service.mutations import repository
from service.mutations.feed import Feed
from service.mutations.repository import Place
from service.mutations.stream import MutationStream
from service.settings import Settings
from tests.webhooks.conftest import App
from tests.webhooks.receiver import Receiver

pytestmark = pytest.mark.anyio

AHEAD = 10**9
"""Transactions that the cluster of before had more."""


async def move(app: App) -> None:
    """What a dump that is read into another cluster makes of the numbers."""
    for table, column in (("mutations", "xid"), ("outbox_cursors", "xid"), ("webhooks", "since_xid")):
        await app.execute(f"UPDATE {table} SET {column} = {column} + {AHEAD}")  # noqa: S608 - named above


async def test_webhooks_go_on_where_they_were(
    app: App, receiver: Receiver, settings: Settings, encoder: FakeEncoder, engine: AsyncEngine
) -> None:
    early = await app.webhook(f"{receiver.url}/early")
    await app.change("told")
    await app.deliver()
    await app.execute("DELETE FROM webhook_deliveries")  # as retention does: told again, they would go out again
    await app.change("waiting")
    late = await app.webhook(f"{receiver.url}/late")
    await move(app)
    async with open_resources(settings, encoder=encoder, engine=engine):
        pass
    await app.change("new")
    await app.deliver()

    def told(path: str, secret: str) -> list[str]:
        return [got.verified(secret)["data"]["user_id"] for got in receiver.got if got.path == f"/hook/{path}"]

    assert sorted(told("early", early["secret"])) == ["new", "told", "waiting"]
    assert told("late", late["secret"]) == ["new"]
    numbers = await app.fetch("SELECT xid FROM mutations UNION ALL SELECT since_xid FROM webhooks")
    async with open_resources(settings, encoder=encoder, engine=engine):  # once is enough
        pass
    assert await app.fetch("SELECT xid FROM mutations UNION ALL SELECT since_xid FROM webhooks") == numbers


async def test_the_stream_tells_what_is_new_and_nothing_that_was(
    app: App, settings: Settings, encoder: FakeEncoder, engine: AsyncEngine
) -> None:
    await app.change("old")
    await move(app)
    async with open_resources(settings, encoder=encoder, engine=engine):
        pass
    async with app.resources.read_sessions() as session:
        settled = await repository.settled(session)
        assert await repository.after(session, settled, limit=10) == []
        (old,) = await repository.after(session, Place(-1, 0), limit=10)
    assert old[0] < settled


async def test_who_was_at_a_place_to_come_resumes_at_the_present_one(app: App) -> None:
    feed = Feed(app.resources, max_listeners=1)

    async def admitted() -> None:
        return None

    async with feed.running():
        listener = await feed.join(None)
        stream = MutationStream(feed, listener, Place(AHEAD, 7), admitted)
        first = await anext(aiter(stream.body_iterator))
        began = listener.began.result()
        assert isinstance(first, bytes)
        assert f"id: v1-{began.xid}-{began.position}\n".encode() in first
