"""The feed of the stream: bounded in listeners, and in what each may be behind."""

import asyncio

import pytest

from service.mutations import feed as feeds
from service.mutations.feed import Feed
from service.problems import NotReady, Saturated
from tests.webhooks.conftest import App

pytestmark = pytest.mark.anyio


async def test_one_listener_too_many_is_refused_until_another_leaves(app: App) -> None:
    feed = Feed(app.resources, max_listeners=2)
    async with feed.running():
        first, _ = await feed.join(None), await feed.join("shop")
        with pytest.raises(Saturated, match="SWERVE_MAX_STREAMS"):
            await feed.join(None)
        feed.leave(first)
        await feed.join(None)


async def test_a_slow_listener_is_cut_off_and_resumes_where_it_was(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "QUEUE", 2)
    monkeypatch.setattr(feeds, "PAGE", 2)
    feed = Feed(app.resources, max_listeners=2)
    async with feed.running():
        slow = await feed.join(None)
        began = slow.began.result()
        for user in range(5):
            await app.change(f"u{user}")
        async with asyncio.timeout(30):
            await slow.ended.wait()
        with pytest.raises(EOFError):
            await slow.next(1)
        feed.leave(slow)
        again = await feed.join(None)
        missed = [event async for event in feed.between(began, again.began.result(), None)]
        while len(missed) < 5:  # what the reader had not come to yet
            event = await again.next(30)
            assert event is not None
            missed.append(event)
        assert [event.place for event in missed] == sorted(event.place for event in missed)
    cut = [
        s.value for f in app.resources.metrics.registry.collect() for s in f.samples if s.labels == {"reason": "slow"}
    ]
    assert cut == [1]


async def test_a_service_that_stops_ends_its_listeners_and_takes_no_new_ones(app: App) -> None:
    feed = Feed(app.resources, max_listeners=2)
    async with feed.running():
        listener = await feed.join(None)
        app.resources.draining = True
        with pytest.raises(EOFError):
            await listener.next(30)
        with pytest.raises(NotReady):
            await feed.join(None)
