"""Nobody else would: the service starts its embedded Postgres again when it has died."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Protocol

logger = logging.getLogger(__name__)

WATCH_S = 0.25
"""How often is looked whether the server is there."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 30.0
"""Pauses between tries: the first one is made at once, then they double. A full disk is not emptied by haste."""
STEADY_S = 60.0
"""A server that has been up this long since it was revived counts as well again."""


class Revivable(Protocol):
    """A server that may die. Both methods block."""

    def is_up(self) -> bool:
        """Whether its process is there."""
        ...

    def revive(self) -> None:
        """Start it again if it is not; raises what hinders it."""
        ...


async def keep_running(
    server: Revivable,
    *,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Start the server again whenever it has died, until cancelled.

    Args:
        server: to look after.
        sleep: waits so many seconds.
        clock: seconds, monotonic.
    """
    pause, tried = 0.0, float("-inf")
    while True:
        await sleep(WATCH_S)
        try:
            if await asyncio.to_thread(server.is_up):
                if clock() - tried > STEADY_S:
                    pause = 0.0
                continue
            await sleep(pause)
            pause, tried = min(max(2 * pause, FIRST_PAUSE_S), LONGEST_PAUSE_S), clock()
            logger.warning("the embedded Postgres has died; starting it again")
            await asyncio.to_thread(server.revive)
            logger.warning("the embedded Postgres runs again, %.1f s after that", clock() - tried)
        except Exception as error:  # noqa: BLE001 - whatever it was, the next try may find it mended
            logger.error("the embedded Postgres could not be revived, next try in %g s: %s", pause, error)  # noqa: TRY400 - the message says all
