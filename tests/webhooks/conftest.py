"""A receiver, and an app over a real Postgres and a fake encoder whose courier the tests run by hand."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from service.app import create_app
from service.deliveries.courier import Courier
from service.deliveries.sender import Sender
from service.encoder import FakeEncoder
from service.resources import Resources
from service.settings import Settings
from tests.webhooks.receiver import Receiver, receiving

START = datetime(2026, 1, 5, tzinfo=UTC)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


def turn(user: str, domain: str = "default", *, at: int = 0) -> dict[str, Any]:
    """A request in which a user's interest changes once, with the fake encoder."""
    texts = [f"left {at}"] * 12 + [f"right {at}"]
    behaviors = [
        {"text": text, "event_id": f"e{at}-{n}", "occurred_at": (START + timedelta(days=at, hours=n)).isoformat()}
        for n, text in enumerate(texts)
    ]
    options = {"detector": "distance", "threshold": 0.01}
    return {"user_id": user, "domain": domain, "behaviors": behaviors, "options": options}


@dataclass
class App:
    """A running app, and what is done beside it."""

    app: FastAPI
    client: httpx.AsyncClient
    engine: AsyncEngine
    sender: Sender

    @property
    def resources(self) -> Resources:
        resources: Resources = self.app.state.resources
        return resources

    async def change(self, user: str, domain: str = "default", *, at: int = 0) -> dict[str, Any]:
        """Have a user's interest change: the answer."""
        answer = await self.client.post("/detect", json=turn(user, domain, at=at))
        told: dict[str, Any] = answer.json()
        assert answer.status_code == 200, told
        assert told["mutated"], told
        return told

    async def webhook(self, url: str, **more: Any) -> dict[str, Any]:
        answer = await self.client.post("/webhooks", json={"url": url, **more})
        told: dict[str, Any] = answer.json()
        assert answer.status_code == 201, told
        return told

    async def deliveries(self, webhook: dict[str, Any], **query: Any) -> list[dict[str, Any]]:
        answer = await self.client.get(f"/webhooks/{webhook['webhook_id']}/deliveries", params=query)
        items: list[dict[str, Any]] = answer.json()["items"]
        return items

    async def shown(self, webhook: dict[str, Any]) -> dict[str, Any]:
        told: dict[str, Any] = (await self.client.get(f"/webhooks/{webhook['webhook_id']}")).json()
        return told

    def courier(self, **more: Any) -> Courier:
        return Courier(self.resources, self.sender, **({"workers": 8} | more))

    async def deliver(self, after: timedelta = timedelta(), courier: Courier | None = None) -> None:
        """Send all that is due so long from now, and all that this makes due at once."""
        courier = courier or self.courier()
        courier.shift = after
        while True:
            await courier.look()
            if not courier.busy:
                return
            await courier.settle()

    async def fetch(self, query: str, **values: object) -> list[Any]:
        async with self.engine.connect() as connection:
            return list((await connection.execute(text(query), values)).all())

    async def execute(self, statement: str, **values: object) -> None:
        async with self.engine.begin() as connection:
            await connection.execute(text(statement), values)


@pytest.fixture
async def app(settings: Settings, encoder: FakeEncoder, engine: AsyncEngine) -> AsyncIterator[App]:
    open_to_tests = {"webhooks_allow_private": True, "webhooks_allow_http": True, "mutations_poll_seconds": 0.05}
    made = create_app(settings.model_copy(update=open_to_tests), encoder=encoder, engine=engine)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(made.router.lifespan_context(made))
        transport = httpx.ASGITransport(made, raise_app_exceptions=False)
        client = await stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url="http://localhost"))
        sender = Sender(allow_private=True, allow_http=True, timeout_s=2.0)
        stack.push_async_callback(sender.close)
        yield App(made, client, engine, sender)
