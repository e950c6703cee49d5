"""The API keys as a running service knows them: all of them, some seconds old at most."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from service.access.keys import Key, Keys

AFTER_REFUSAL_S = 1.0
"""A key that is not valid is looked for again in the database if what is known is older: it may be a new one."""


class Keyring:
    """Keeps all keys in memory, so that requests cost no statement of their own.

    All, and not those that were asked for: what is kept is bounded by what the operator made, whatever ids are tried.
    They are read again in the background once they are half as old as they may become, so that in steady state nobody
    waits for it; what is too old is never used, also when the database is away.

    Args:
        load: reads all keys.
        keep_seconds: how old they may become: a revoked key works no longer than that.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        load: Callable[[], Awaitable[Sequence[Key]]],
        *,
        keep_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._load = load
        self._keep = keep_seconds
        self._clock = clock
        self._keys = Keys()
        self._as_of = float("-inf")
        self._renewing: asyncio.Task[Keys] | None = None

    async def current(self) -> Keys:
        """The keys, as old as they may be.

        Raises:
            Exception: whatever `load` raises, where they are too old and cannot be read.
        """
        age = self._age()
        if age >= self._keep:
            return await self._renewed()
        if age >= self._keep / 2:
            self._renewal()
        return self._keys

    async def after_refusal(self) -> Keys:
        """The keys, read again if that was not done just now.

        Raises:
            Exception: whatever `load` raises.
        """
        return await self._renewed() if self._age() >= min(AFTER_REFUSAL_S, self._keep) else self._keys

    async def close(self) -> None:
        """Give up a reading that is under way."""
        if self._renewing is not None:
            self._renewing.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await self._renewing

    def _age(self) -> float:
        return self._clock() - self._as_of

    async def _renewed(self) -> Keys:
        # Shared by all who wait, and not cancelled with any of them.
        return await asyncio.shield(self._renewal())

    def _renewal(self) -> asyncio.Task[Keys]:
        if self._renewing is None:
            self._renewing = asyncio.create_task(self._renew())
            self._renewing.add_done_callback(self._done)
        return self._renewing

    async def _renew(self) -> Keys:
        began = self._clock()  # what is revoked while we read may or may not be seen
        self._keys = Keys(await self._load())
        self._as_of = began
        return self._keys

    def _done(self, task: asyncio.Task[Keys]) -> None:
        self._renewing = None
        if not task.cancelled():
            task.exception()  # told to those who wait; where nobody does, the next request tries again
