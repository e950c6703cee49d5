"""`swerve migrate`: bring the schema up to date, or back. On the embedded Postgres too."""

import asyncio

from service.database import migrate
from service.database.opening import open_engine
from service.settings import Settings


def run(settings: Settings, down_to: str | None) -> str:
    """Move the schema; from where to where.

    Args:
        settings: see `service.settings`.
        down_to: an earlier revision, `base` for an empty database; None for the newest.

    Raises:
        MigrationError: it cannot be moved there.
    """
    before, after = asyncio.run(_run(settings, down_to))
    if before == after:
        return f"{after or 'empty'}: nothing to do"
    return f"{before or 'empty'} -> {after or 'empty'}"


async def _run(settings: Settings, down_to: str | None) -> tuple[str | None, str | None]:
    async with open_engine(settings) as engine:
        before = await migrate.current(engine)
        if down_to is None:
            await migrate.upgrade(engine)
        else:
            await migrate.downgrade(engine, down_to)
        return before, await migrate.current(engine)
