"""A user's state is read while the texts are encoded: early, and never wrong."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from service.app import create_app
from service.encoder import FakeEncoder
from service.encoder.contract import Encoded, Permit
from service.settings import Settings
from tests.detect.conftest import body

pytestmark = pytest.mark.anyio

DONE_S = 20.0


class Slow(FakeEncoder):
    """Encodes what has the word "slow" in it when it is told to."""

    def __init__(self) -> None:
        super().__init__(dim=8, capacity_texts=8)
        self.begun, self.may_end = asyncio.Event(), asyncio.Event()

    async def encode(self, texts: Sequence[str], permit: Permit) -> Encoded:
        if any("slow" in text for text in texts):
            self.begun.set()
            await self.may_end.wait()
        return await super().encode(texts, permit)

    def cached(self, texts: Sequence[str]) -> list[bool]:
        return ["known" in text for text in texts]


@pytest.fixture
def encoder() -> FakeEncoder:
    return Slow()


@pytest.fixture
async def app(settings: Settings, encoder: Slow, engine: AsyncEngine) -> AsyncIterator[FastAPI]:
    settings = settings.model_copy(update={"key_cache_seconds": 3600.0})
    app = create_app(settings, encoder=encoder, engine=engine)
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
        yield client


@pytest.fixture
def sent(app: FastAPI, engine: AsyncEngine) -> Iterator[list[str]]:  # noqa: ARG001 - what starting the app sends is not noted
    """The first word of each statement, and `ended` after each that has been answered."""
    noted = list[str]()

    def begin(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        noted.append(statement.split(maxsplit=1)[0])

    def end(*_: Any) -> None:
        noted.append("ended")

    event.listen(engine.sync_engine, "before_cursor_execute", begin)
    event.listen(engine.sync_engine, "after_cursor_execute", end)
    yield noted
    event.remove(engine.sync_engine, "before_cursor_execute", begin)
    event.remove(engine.sync_engine, "after_cursor_execute", end)


async def detect(client: httpx.AsyncClient, texts: list[str], user: str, first: int = 0, **options: Any) -> Any:
    return await client.post("/detect", json=body(texts, user, first=first, **options))


async def until(sent: list[str], expected: list[str]) -> None:
    async with asyncio.timeout(DONE_S):
        while sent != expected:  # noqa: ASYNC110 - the listeners are called where no event can be set
            await asyncio.sleep(0.005)


async def test_the_state_is_there_before_the_vectors(
    client: httpx.AsyncClient, encoder: Slow, sent: list[str], user: str
) -> None:
    await detect(client, ["one"], user)
    sent.clear()
    asked = asyncio.create_task(detect(client, ["a slow one"], user, 1))
    await until(sent, ["SELECT", "ended"])
    assert encoder.begun.is_set()
    encoder.may_end.set()
    answer = await asked
    assert (answer.status_code, answer.json()["sequence"]) == (200, 2)
    assert sent == ["SELECT", "ended", "WITH", "ended"]
    phases = dict(entry.split(";dur=") for entry in answer.headers["server-timing"].split(", "))
    assert sum(float(phases[name]) for name in phases if name != "total") <= float(phases["total"])


async def test_what_others_wrote_meanwhile_is_not_lost(
    client: httpx.AsyncClient, encoder: Slow, sent: list[str], user: str
) -> None:
    await detect(client, ["one"], user)
    sent.clear()
    asked = asyncio.create_task(detect(client, ["a slow one"], user, 1))
    await until(sent, ["SELECT", "ended"])
    between = await detect(client, ["two", "three"], user, 2)
    sent.clear()
    encoder.may_end.set()
    answer = await asked
    # Saved in vain, read again, saved.
    assert sent == ["WITH", "ended", "SELECT", "ended", "WITH", "ended"]
    assert [one.json()["sequence"] for one in (between, answer)] == [2, 3]
    again = await detect(client, ["one", "a slow one", "two", "three", "known"], user)
    assert (again.json()["duplicates"], again.json()["accepted"]) == (4, 1)


async def test_a_user_erased_meanwhile_stays_erased(
    client: httpx.AsyncClient, encoder: Slow, sent: list[str], user: str
) -> None:
    await detect(client, ["one"], user)
    sent.clear()
    asked = asyncio.create_task(detect(client, ["a slow one"], user, 1))
    await until(sent, ["SELECT", "ended"])
    assert (await client.delete(f"/users/{user}")).status_code == 204
    encoder.may_end.set()
    answer = (await asked).json()
    assert (answer["accepted"], [one["event_id"] for one in answer["rejected"]]) == (0, ["e1"])
    assert (await client.get(f"/users/{user}/interest")).status_code == 404


async def test_who_is_refused_has_asked_nothing_of_the_database(
    client: httpx.AsyncClient, sent: list[str], user: str
) -> None:
    first = asyncio.create_task(detect(client, ["a slow one"], user))
    await until(sent, ["SELECT", "ended"])
    refused = await detect(client, ["other"] * 8, f"{user}-other")
    assert refused.status_code == 503
    assert sent == ["SELECT", "ended"]
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first


@pytest.mark.parametrize("options", [{"persist": False}, {}])
async def test_nothing_is_read_ahead_where_nothing_waits(
    client: httpx.AsyncClient, encoder: Slow, sent: list[str], user: str, options: dict[str, Any]
) -> None:
    """A trial, which writes nothing and so cannot find out that it is stale; and texts that are known."""
    await detect(client, ["one"], user)
    sent.clear()
    texts = ["a slow one"] if options else ["known, slow"]
    asked = asyncio.create_task(detect(client, texts, user, 1, **options))
    async with asyncio.timeout(DONE_S):
        await encoder.begun.wait()
    await asyncio.sleep(0.1)
    assert sent == []
    encoder.may_end.set()
    assert (await asked).json()["sequence"] == 2 - bool(options)


async def test_a_reading_that_fails_is_tried_again(
    client: httpx.AsyncClient, engine: AsyncEngine, encoder: Slow, user: str
) -> None:
    await detect(client, ["one"], user)
    failed = list[str]()

    def fail_once(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if not failed:
            failed.append(statement)
            raise OSError("the connection is gone")

    event.listen(engine.sync_engine, "before_cursor_execute", fail_once)
    encoder.may_end.set()
    answer = await detect(client, ["a slow one"], user, 1)
    event.remove(engine.sync_engine, "before_cursor_execute", fail_once)
    assert failed[0].startswith("SELECT")
    assert (answer.status_code, answer.json()["sequence"]) == (200, 2)
