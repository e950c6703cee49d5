"""An app over a real Postgres and a fake encoder, and changes of the past in its table."""

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import insert

from service.app import create_app
from service.database.tables import MutationRow
from service.encoder import FakeEncoder
from service.settings import Settings

Declare = Callable[[Sequence[tuple[datetime, list[int]]]], Awaitable[None]]
NOW = datetime.now(UTC)


@pytest.fixture
async def app(settings: Settings, encoder: FakeEncoder) -> AsyncIterator[FastAPI]:
    # After the first look, the tests look themselves.
    app = create_app(settings.model_copy(update={"population_every_seconds": 3600.0}), encoder=encoder)
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
        yield client


@pytest.fixture
def declare(app: FastAPI) -> Declare:
    """Puts changes into the table: when, and which topics were gained. Each is another user's, and loses topic 0."""

    async def put(changes: Sequence[tuple[datetime, list[int]]]) -> None:
        rows = [row_of(at, gained, profile_id=app.state.resources.profile.id) for at, gained in changes]
        async with app.state.resources.write_sessions.begin() as session:
            await session.execute(insert(MutationRow), rows)

    return put


def row_of(at: datetime, gained: list[int], **columns: Any) -> dict[str, Any]:
    """A row of a change."""
    return {
        "domain": "default", "user_key": secrets.token_bytes(32), "sequence": 1, "mutation_id": uuid4(),
        "recorded_at": at, "changed_at": at - timedelta(hours=1), "kind": "novel", "change": {}, "sealed": b"",
        "gained": [topic_of(topic) for topic in gained], "lost": [topic_of(0)],
    } | columns  # fmt: skip


def topic_of(topic: int) -> dict[str, Any]:
    return {"topic": topic, "label": f"topic {topic}", "before": 0.0, "after": 0.5}


def usual(users_a_day: int, every: int) -> list[tuple[datetime, list[int]]]:
    """Four weeks of changes toward topic 0, of which each of so many is toward topic 1, the newest a day old."""
    start = NOW - timedelta(days=29)
    return [
        (start + timedelta(days=28 * n / (28 * users_a_day)), [1] if n % every == 0 else [0])
        for n in range(28 * users_a_day)
    ]
