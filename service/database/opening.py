"""Opens the database that the settings name."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncEngine

from service.database.embedded import embedded_postgres
from service.database.engine import make_engine
from service.settings import Settings


@asynccontextmanager
async def open_engine(settings: Settings) -> AsyncIterator[AsyncEngine]:
    """An engine on the settings' database, or on an embedded Postgres that runs as long as the context is open."""
    async with AsyncExitStack() as stack:
        if settings.database_url is None:
            url = await stack.enter_async_context(embedded_postgres(settings.data_dir))
        else:
            url = settings.database_url.get_secret_value()
        engine = make_engine(url, pool_size=settings.database_pool_size)
        stack.push_async_callback(engine.dispose)
        yield engine
