"""Where pgvector is missing, not allowed or too old, the migration says what to do, and changes nothing."""

from collections.abc import AsyncIterator
from urllib.parse import urlsplit, urlunsplit

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from service.database import migrate
from service.database.engine import make_engine
from service.database.migrate import MigrationError
from tests.items.conftest import execute, fetch

pytestmark = pytest.mark.anyio


@pytest.fixture
async def plain_user(engine: AsyncEngine, database_url: str) -> AsyncIterator[AsyncEngine]:
    """The same empty database as a user who owns it and is no superuser."""
    name = urlsplit(database_url).path.strip("/")
    await execute(engine, "DROP ROLE IF EXISTS plain")
    await execute(engine, "CREATE ROLE plain LOGIN")
    await execute(engine, f"ALTER DATABASE {name} OWNER TO plain")
    parts = urlsplit(database_url)
    url = urlunsplit(parts._replace(netloc=f"plain@{parts.netloc.rpartition('@')[2]}"))
    made = make_engine(url, pool_size=1)
    yield made
    await made.dispose()
    await execute(engine, f"ALTER DATABASE {name} OWNER TO postgres")
    await execute(engine, "DROP OWNED BY plain")
    await execute(engine, "DROP ROLE plain")


async def tables(engine: AsyncEngine) -> list[object]:
    return await fetch(engine, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")


async def test_a_server_without_it(engine: AsyncEngine, database_url: str) -> None:
    name = urlsplit(database_url).path.strip("/")
    await execute(engine, f"ALTER DATABASE {name} SET extension_control_path = '/nowhere'")
    await engine.dispose()  # the setting is that of new connections
    with pytest.raises(MigrationError, match=r"does not have pgvector.*Install pgvector 0\.8"):
        await migrate.upgrade(engine)
    assert await tables(engine) == []


async def test_a_user_who_may_not(plain_user: AsyncEngine, engine: AsyncEngine) -> None:
    with pytest.raises(MigrationError, match=r"administrator run `CREATE EXTENSION vector`"):
        await migrate.upgrade(plain_user)
    assert await tables(engine) == []
    await execute(engine, "CREATE EXTENSION vector")
    await migrate.upgrade(plain_user)
    assert await migrate.is_current(plain_user)


async def test_one_that_is_too_old(engine: AsyncEngine) -> None:
    await execute(engine, "CREATE EXTENSION vector")
    await execute(engine, "UPDATE pg_extension SET extversion = '0.7.4' WHERE extname = 'vector'")
    with pytest.raises(MigrationError, match=r"pgvector 0\.7\.4.*ALTER EXTENSION vector UPDATE"):
        await migrate.upgrade(engine)
    assert await tables(engine) == []
