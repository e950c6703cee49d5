"""The service with noise on: replicas in this process over one real Postgres, and a process of its own."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.app import create_app
from service.encoder import FakeEncoder
from service.settings import Settings
from tests.conftest import Server, data_folder, serving

START = datetime(2026, 1, 5, tzinfo=UTC)
Body = dict[str, Any]
Replica = Callable[..., Awaitable[httpx.AsyncClient]]


def request(user: str, first: int, n: int = 1, **options: Any) -> Body:
    """Behaviours of made-up words, an hour apart."""
    behaviors = [
        {"event_id": f"e{i}", "text": f"word{i % 7}", "occurred_at": (START + timedelta(hours=i)).isoformat()}
        for i in range(first, first + n)
    ]
    return {"user_id": user, "behaviors": behaviors, "options": options}


@pytest.fixture
async def replica(settings: Settings, encoder: FakeEncoder) -> AsyncIterator[Replica]:
    """`await replica(**settings)`: a client of one more replica on the test's database."""
    async with AsyncExitStack() as stack:

        async def start(**given: Any) -> httpx.AsyncClient:
            app = create_app(settings.model_copy(update=given), encoder=encoder)
            await stack.enter_async_context(app.router.lifespan_context(app))
            client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost")
            return await stack.enter_async_context(client)

        yield start


@pytest.fixture(scope="module")
def noisy(model_dir: Path) -> Iterator[Server]:
    """A service whose users have four vectors each."""
    with data_folder() as folder, serving(folder, model_dir) as start:
        yield start(privacy_epsilon="8", privacy_releases="4")
