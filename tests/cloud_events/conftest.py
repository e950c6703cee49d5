"""A real Postgres and an app over a fake encoder, as in tests/platform."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

import httpx
import pytest
from cloudevents.core.v1.event import CloudEvent

from service.app import create_app
from service.encoder import FakeEncoder
from service.settings import Settings

START = datetime(2026, 1, 5, 10, tzinfo=UTC)
Make = Callable[..., CloudEvent]


@pytest.fixture
async def client(settings: Settings, encoder: FakeEncoder) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(settings, encoder=encoder)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client,
    ):
        yield client
