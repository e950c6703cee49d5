"""What an app in this process needs, for every folder of tests: a real Postgres, a small profile, a fake encoder."""

import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import numpy as np
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from service.database.embedded import EmbeddedPostgres
from service.database.engine import make_engine
from service.detection.profile import Profile
from service.encoder import FakeEncoder
from service.profiles.store import identify, save_profile
from service.settings import Settings
from tests.conftest import data_folder


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"SWERVE_{name.upper()}", raising=False)
    monkeypatch.delenv("DATABASE_URL", raising=False)


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """As pytest's own, which as root cannot hold a Postgres.

    The server runs as another user there, and the next run of pytest closes the folder of all runs to others.
    """
    with data_folder() as folder:
        yield folder


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """One server for all of a process's tests, each of which has a database of its own."""
    with data_folder() as folder:
        server = EmbeddedPostgres(folder)
        yield server.start()
        server.stop()


@asynccontextmanager
async def new_database(postgres_url: str) -> AsyncIterator[str]:
    """An empty database on that server, as long as the context is open: its address."""
    name = f"test_{secrets.token_hex(6)}"
    connection = await asyncpg.connect(postgres_url)
    await connection.execute(f"CREATE DATABASE {name}")
    yield urlunsplit(urlsplit(postgres_url)._replace(path=f"/{name}"))
    await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await connection.close()


@pytest.fixture
async def database_url(postgres_url: str) -> AsyncIterator[str]:
    """A new, empty database."""
    async with new_database(postgres_url) as url:
        yield url


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    made = make_engine(database_url, pool_size=3)
    yield made
    await made.dispose()


@pytest.fixture
def encoder() -> FakeEncoder:
    return FakeEncoder(dim=8)


@pytest.fixture
def profile_path(tmp_path: Path, encoder: FakeEncoder) -> Path:
    """A profile of two topics for the fake encoder."""
    profile = Profile(
        id="",
        space=encoder.info.space,
        center=np.zeros(8, np.float32),
        projection=np.zeros((8, 0), np.float32),
        mix=0.0,
        prototypes=np.eye(2, 8, dtype=np.float32),
        groups=np.arange(2, dtype=np.uint16),
        background=np.full(2, 0.5, np.float32),
        labels=("one", "two"),
        temperature=0.1,
        nearest=2,
        threshold=4.0,
        behaviors_per_false_alarm=1000.0,
    )
    path = tmp_path / "small.safetensors"
    save_profile(identify(profile), path)
    return path


@pytest.fixture
def settings(tmp_path: Path, database_url: str, profile_path: Path) -> Settings:
    # Nothing is asked of the database or the encoder beside the requests: tests count statements and texts.
    return Settings(
        data_dir=tmp_path / "data",
        database_url=database_url,
        profile=profile_path,
        catalogue_poll_seconds=0.0,
        webhooks_workers=0,
        popularity_every_minutes=0.0,
        successors_every_minutes=0.0,
    )
