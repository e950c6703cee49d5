"""A real Postgres and an app over a fake encoder, as in tests/platform."""

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
