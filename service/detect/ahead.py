"""What is stored of a user is read while the encoder is busy with the user's texts, instead of after it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress

from service import timing
from service.connected import connected
from service.detect import repository
from service.detect.incoming import Incoming
from service.detect.repository import Known, User
from service.resources import Resources

Ahead = Callable[[], Awaitable[Known | None]]
"""Waits for what was read: None where nothing was, or could be. Whoever needs it then reads as ever."""


async def nothing_ahead() -> None:
    """For who has read nothing yet."""


@asynccontextmanager
async def reading_ahead(
    resources: Resources, user: User, event_ids: Sequence[str], behaviors: Sequence[Incoming]
) -> AsyncIterator[Ahead]:
    """Read, as long as the context is open, what a decision on these behaviours will rest on.

    What is saved later is saved only if the user's state is still the one that was read, however long ago that was. So
    this may be early, but never wrong. It begins when the caller first waits: one who is refused at once has asked
    nothing of the database.

    Args:
        resources: of the app.
        user: whose behaviours they are.
        event_ids: of the behaviours.
        behaviors: as they came. Where none of them has to wait for the encoder, nothing is read ahead.
    """
    texts = [one.text for one in behaviors if one.text is not None and one.item_id is None]
    if not texts or all(resources.encoder.cached(texts)):
        yield nothing_ahead
        return
    reading = asyncio.create_task(_read(resources, user, event_ids), context=timing.uncounted())

    async def known() -> Known | None:
        with timing.phase("database"), suppress(Exception):  # what failed is tried again, and told then
            return await reading
        return None

    try:
        yield known
    finally:
        reading.cancel()
        await asyncio.wait([reading])  # so that its connection is free again, whatever became of the request


async def _read(resources: Resources, user: User, event_ids: Sequence[str]) -> Known:
    async with connected(resources) as connection:
        return await repository.read(connection, user, event_ids)
