"""A receiver, and an app over a real Postgres and a fake encoder, as in tests/platform."""

from collections.abc import Iterator

import pytest

from tests.platform.conftest import (
    anyio_backend,
    database_url,
    encoder,
    engine,
    postgres_url,
    profile_path,
    settings,
    tmp_path,
)
from tests.webhooks.receiver import Receiver, receiving

__all__ = [
    "anyio_backend",
    "database_url",
    "encoder",
    "engine",
    "postgres_url",
    "profile_path",
    "settings",
    "tmp_path",
]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made
