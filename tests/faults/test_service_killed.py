"""The service killed under load: what was acknowledged is there after the restart, once, as if nothing had happened."""

import asyncio
from itertools import islice

import numpy as np
import pytest

from bench.faults.system import System
from bench.faults.traffic import Ledger, Sending, story
from tests.faults.conftest import Clients, assert_nothing_lost_or_doubled, traffic

pytestmark = pytest.mark.anyio

JSON = {"Content-Type": "application/json"}


async def test_nothing_is_lost_or_doubled_and_the_histories_are_as_if_unbroken(
    system: System, clients: Clients, themes: dict[str, list[str]]
) -> None:
    async with traffic(system.url, clients) as load:
        for _ in range(2):
            await load.more(100)
            await asyncio.to_thread(system.kill)
            await asyncio.to_thread(system.start)
            ready = await load.session.get("/readyz")
            assert ready.status == 200
        await load.more(100)
    assert load.ledger.statuses[0] > 0, "no connection broke: the kills came between two requests each"
    assert set(load.ledger.statuses) <= {0, 200, 503}
    await assert_nothing_lost_or_doubled(system.url, load.ledger)
    await assert_as_if_unbroken(system.url, load.ledger, themes)


async def assert_as_if_unbroken(url: str, ledger: Ledger, themes: dict[str, list[str]]) -> None:
    """A twin who sends the same requests without any fault has the same history."""
    texts = [text for theme in themes.values() for text in theme]
    told = ledger.by_user()["own-0-0"]
    async with traffic(url, lambda _: []) as load:
        for original, twin in zip(told, islice(story("twin", texts), len(told)), strict=True):
            assert original.sending == Sending("own-0-0", twin.events, twin.body.replace(b"twin", b"own-0-0"))
            async with load.session.post("/detect", data=twin.body, headers=JSON, raise_for_status=True) as answer:
                assert (await answer.json())["accepted"] == len(twin.events)
        histories = []
        for user in ("own-0-0", "twin"):
            query = {"limit": "200", "include": "vectors"}
            async with load.session.get(f"/users/{user}/history", params=query, raise_for_status=True) as answer:
                histories.append((await answer.json())["items"])
    ours, twins = histories
    assert len(ours) >= len(told)
    plain = ("sequence", "taken_for", "as_of", "behaviors", "status", "mutated")
    assert [[one[name] for name in plain] for one in ours] == [[one[name] for name in plain] for one in twins]
    for one, other in zip(ours, twins, strict=True):  # batches differ, and with them the last digits
        np.testing.assert_allclose(one["interest"]["z"], other["interest"]["z"], atol=1e-4)
