"""One app over a real Postgres and a fake encoder for each module, and a catalogue of a few themes for each test."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import numpy as np
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from service.app import create_app
from service.detection.profile import Profile
from service.encoder import FakeEncoder
from service.items.worker import Worker
from service.profiles.store import identify, save_profile
from service.resources import Resources
from service.settings import Settings
from tests.app import new_database
from tests.conftest import data_folder

DIM = 64
THEMES = ("sailing", "baking", "chess", "opera", "cycling", "gardens", "robots", "history")
OF_A_THEME = 20
START = datetime.now(UTC).replace(microsecond=0) - timedelta(days=20)
"""Of all that users do: lately, so that it counts as popular."""
GAP = timedelta(minutes=5)
"""Between behaviours of a user: longer than what is put in order."""
SECRET = "a-secret-of-recommendations"
Json = dict[str, Any]


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


async def vector_of(encoder: FakeEncoder, words: str) -> np.ndarray:
    with encoder.admit(1) as permit:
        vector: np.ndarray = (await encoder.encode([words], permit)).vectors[0]
    return vector


async def profile_of(encoder: FakeEncoder) -> Profile:
    """A profile with a topic for each theme."""
    k = len(THEMES)
    return identify(
        Profile(
            id="",
            space=encoder.info.space,
            center=np.zeros(DIM, np.float32),
            projection=np.zeros((DIM, 0), np.float32),
            mix=0.0,
            prototypes=np.array([await vector_of(encoder, theme) for theme in THEMES]),
            groups=np.arange(k, dtype=np.uint16),
            background=np.full(k, 1 / k, np.float32),
            labels=THEMES,
            temperature=0.05,
            nearest=3,
            threshold=4.0,
            behaviors_per_false_alarm=1000.0,
        )
    )


@dataclass
class Service:
    """A running app, and what tests ask of it."""

    app: FastAPI
    client: httpx.AsyncClient

    @property
    def resources(self) -> Resources:
        resources: Resources = self.app.state.resources
        return resources

    async def recommend(self, user: str, domain: str = "default", **query: Any) -> Json:
        answer = await self.client.get(f"/users/{user}/recommendations", params={"domain": domain} | query)
        assert answer.status_code == 200, answer.text
        told: Json = answer.json()
        return told

    async def policy(self, user: str, domain: str = "default") -> Json:
        answer = await self.client.get(f"/users/{user}/policy", params={"domain": domain})
        assert answer.status_code == 200, answer.text
        told: Json = answer.json()
        return told

    async def detect(self, user: str, behaviors: Sequence[Json], domain: str = "default", **options: Any) -> Json:
        sent = {"user_id": user, "domain": domain, "behaviors": list(behaviors), "options": options}
        answer = await self.client.post("/detect", json=sent)
        assert answer.status_code == 200, answer.text
        told: Json = answer.json()
        return told

    async def put(self, items: Iterable[Json], domain: str = "default") -> None:
        answer = await self.client.put("/items", json={"domain": domain, "items": list(items)})
        assert answer.status_code == 200, answer.text
        worker = Worker(self.resources)
        await worker.announce()
        while await worker.step():
            pass

    async def fetch(self, query: str, **values: object) -> list[Any]:
        async with self.resources.engine.begin() as connection:
            result = await connection.execute(text(query), values)
            return list(result.all()) if result.returns_rows else []

    async def memory(self, user: str, domain: str = "default") -> list[Any]:
        """The rows kept of the user, in the order in which the behaviours came."""
        key = self.resources.keys_of(domain, user).present
        query = "SELECT * FROM user_memory WHERE domain = :domain AND user_key = :key ORDER BY arrival, ring"
        return await self.fetch(query, domain=domain, key=key)


Open = Callable[..., Awaitable[Service]]


@pytest.fixture(scope="module")
async def database(postgres_url: str) -> AsyncIterator[str]:
    """A database for the module."""
    async with new_database(postgres_url) as url:
        yield url


@pytest.fixture(scope="module")
async def open_service(database: str) -> AsyncIterator[Open]:
    """`await open_service(**settings)`: a service on the module's database."""
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(data_folder())
        save_profile(await profile_of(FakeEncoder(dim=DIM)), folder / "themes.safetensors")

        async def start(encoder: FakeEncoder | None = None, **changes: Any) -> Service:
            given: Json = {
                "data_dir": folder / "data",
                "database_url": database,
                "profile": folder / "themes.safetensors",
                "catalogue_poll_seconds": 0.0,
                "retention_every_hours": 0.0,
                "popularity_every_minutes": 0.0,
                "successors_every_minutes": 0.0,
                "webhooks_workers": 0,
                "user_key_secret": SECRET,
            }
            app = create_app(Settings(**(given | changes)), encoder=encoder or FakeEncoder(dim=DIM))
            await stack.enter_async_context(app.router.lifespan_context(app))
            client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost")
            return Service(app, await stack.enter_async_context(client))

        yield start


@pytest.fixture(scope="module")
async def service(open_service: Open) -> Service:
    """The module's own, whose default domain has the whole catalogue."""
    made = await open_service()
    await made.put(catalogue())
    return made


@pytest.fixture
def user() -> str:
    """A user nobody else has."""
    return f"user-{secrets.token_hex(4)}"


@pytest.fixture
def domain() -> str:
    """A domain nobody else has."""
    return f"domain-{secrets.token_hex(4)}"


def catalogue(themes: Sequence[str] = THEMES, each: int = OF_A_THEME) -> list[Json]:
    """Items near to the word of their theme, by which they are named."""
    return [
        {
            "item_id": f"{theme}-{n}",
            "text": words(theme, n),
            "category": theme,
            "attributes": {"n": n},
        }
        for theme in themes
        for n in range(each)
    ]


def words(theme: str, n: int) -> str:
    """A text of a theme: mostly its word."""
    return f"{theme} {theme} {theme} {theme} word{n}"


def stream(*parts: tuple[str, int], first: int = 0, on_items: bool = True) -> list[Json]:
    """So many behaviours of each theme, one part after the other, on items that are not in the catalogue."""
    themes = [theme for theme, n in parts for _ in range(n)]
    return [behavior(theme, n, f"past-{theme}-{n}" if on_items else None) for n, theme in enumerate(themes, first)]


def behavior(theme: str, n: int, item_id: str | None) -> Json:
    """The n-th of a user."""
    return {
        "event_id": f"e{n:04}",
        "text": words(theme, 1000 + n),
        "item_id": item_id,
        "occurred_at": (START + n * GAP).isoformat(),
    }


def ids(told: Json) -> list[str]:
    return [item["item_id"] for item in told["items"]]


def themes_of(told: Json) -> list[str]:
    """The theme of each item recommended."""
    return [item_id.split("-")[0] for item_id in ids(told)]


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Wait until it does."""
    async with asyncio.timeout(60):
        while not await holds():  # noqa: ASYNC110 - in the database, by a task in the background
            await asyncio.sleep(0.02)
