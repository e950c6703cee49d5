"""Services over one real Postgres and fake encoders; what they do in the background the tests do step by step."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from service.app import create_app
from service.encoder import FakeEncoder
from service.items.worker import Worker
from service.resources import Resources
from service.settings import Settings

LIMIT_S = 60
"""How long anything is waited for."""


@dataclass
class Service:
    """A running app that encodes nothing by itself, unless it was opened to."""

    app: FastAPI
    client: httpx.AsyncClient
    encoder: FakeEncoder

    @property
    def resources(self) -> Resources:
        resources: Resources = self.app.state.resources
        return resources

    async def put(self, *items: dict[str, Any], domain: str = "default") -> dict[str, Any]:
        answer = await self.client.put("/items", json={"domain": domain, "items": list(items)})
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    async def get(self, item_id: str, **query: Any) -> dict[str, Any]:
        answer = await self.client.get(f"/items/{item_id}", params=query)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    async def progress(self, domain: str = "default") -> dict[str, Any]:
        answer = await self.client.get("/items/progress", params={"domain": domain})
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    async def encode_all(self) -> None:
        """What the worker does until nothing waits."""
        worker = Worker(self.resources)
        await worker.announce()
        while await worker.step():
            pass


Open = Callable[..., Awaitable[Service]]


@pytest.fixture
async def open_service(settings: Settings) -> AsyncIterator[Open]:
    """`await open_service(encoder, **settings)`: one more service on the database."""
    async with AsyncExitStack() as stack:

        async def start(encoder: FakeEncoder | None = None, **changes: Any) -> Service:
            encoder = encoder or FakeEncoder(dim=8)
            given = {"catalogue_poll_seconds": 0.0, "profile": None, "retention_every_hours": 0.0} | changes
            app = create_app(settings.model_copy(update=given), encoder=encoder)
            await stack.enter_async_context(app.router.lifespan_context(app))
            transport = httpx.ASGITransport(app)
            client = await stack.enter_async_context(
                httpx.AsyncClient(transport=transport, base_url="http://localhost")
            )
            return Service(app, client, encoder)

        yield start


@pytest.fixture
async def service(open_service: Open) -> Service:
    return await open_service()


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Wait until it does."""
    async with asyncio.timeout(LIMIT_S):
        while not await holds():  # noqa: ASYNC110 - in the database, perhaps by another process
            await asyncio.sleep(0.02)


async def execute(engine: AsyncEngine, statement: str, **values: object) -> None:
    async with engine.begin() as connection:
        await connection.execute(text(statement), values)


async def fetch(engine: AsyncEngine, query: str, **values: object) -> list[Any]:
    async with engine.connect() as connection:
        return list((await connection.execute(text(query), values)).all())
