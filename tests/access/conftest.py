"""An app over a real Postgres and a fake encoder, with keys, and clocks that the tests move."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from service.access import service
from service.access.guard import Guard
from service.access.keyring import Keyring
from service.access.keys import Key
from service.access.rates import Rates
from service.access.scopes import Scope
from service.access.service import Wanted
from service.access.start import load_keys
from service.app import create_app
from service.encoder import FakeEncoder
from service.settings import Settings

LOCAL = "http://127.0.0.1:8000"
KEEP_S = 5.0


@dataclass
class Clock:
    """The time that an app's guard goes by."""

    seconds: float = 1000.0

    def __call__(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.seconds)


@dataclass
class Access:
    """A running app, its clock, and what an operator does beside it."""

    app: FastAPI
    client: httpx.AsyncClient
    engine: AsyncEngine
    clock: Clock

    async def make(self, *scopes: Scope, expires_in: float | None = None, rate: str | None = None) -> str:
        """A new key, as it is handed out. The app does not know it yet."""
        until = None if expires_in is None else self.clock.now() + timedelta(seconds=expires_in)
        asked = Wanted("test", frozenset(scopes), until, rate)
        written, _ = await service.create(self.engine, asked, self.clock.now())
        return written

    async def revoke(self, written: str) -> None:
        await service.revoke(self.engine, written.split("_")[1], self.clock.now())

    def wait(self, seconds: float = KEEP_S) -> None:
        """Let time pass, by default until everything is read again."""
        self.clock.seconds += seconds

    async def ask(
        self, key: str | None = None, method: str = "GET", path: str = "/model", **more: Any
    ) -> httpx.Response:
        headers = more.pop("headers", {}) | ({} if key is None else {"Authorization": f"Bearer {key}"})
        return await self.client.request(method, path, headers=headers, **more)


Open = Callable[..., Awaitable[Access]]


@pytest.fixture
async def open_access(settings: Settings, encoder: FakeEncoder, engine: AsyncEngine) -> AsyncIterator[Open]:
    """`await open_access(loopback=True, **settings)`: a running app, closed at the end of the test."""
    async with AsyncExitStack() as stack:

        async def start(*, loopback: bool = True, **changes: Any) -> Access:
            app = create_app(settings.model_copy(update=changes), encoder=encoder, engine=engine)
            await stack.enter_async_context(app.router.lifespan_context(app))
            clock = Clock()

            async def load() -> list[Key]:
                return list(await load_keys(app.state.resources))

            keyring = Keyring(load, keep_seconds=KEEP_S, clock=clock)
            stack.push_async_callback(keyring.close)
            rates = Rates(changes.get("rate_limit"))
            app.state.guard = Guard(keyring, rates, loopback=loopback, now=clock.now)
            transport = httpx.ASGITransport(app, raise_app_exceptions=False)
            client = await stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url=LOCAL))
            return Access(app, client, engine, clock)

        yield start


@pytest.fixture
async def access(open_access: Open) -> Access:
    return await open_access()
