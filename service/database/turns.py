"""Turns at the database: as many as it has connections, taken in the order in which they were asked for."""

import asyncio
import time
from collections.abc import Callable
from typing import Literal


class Turns(asyncio.Semaphore):
    """A semaphore that can tell how it is doing.

    Args:
        turns: how many there are.
        waited: told the seconds that each waited, also who gave up.

    Attributes:
        taken: turns that somebody has now.
        waiting: how many wait for one.
    """

    def __init__(self, turns: int, waited: Callable[[float], None] = lambda _: None) -> None:
        super().__init__(turns)
        self._waited = waited
        self.taken = 0
        self.waiting = 0

    async def acquire(self) -> Literal[True]:
        """Wait for a turn and take it."""
        began = time.perf_counter()
        self.waiting += 1
        try:
            await super().acquire()
            self.taken += 1
        finally:
            self.waiting -= 1
            self._waited(time.perf_counter() - began)
        return True

    def release(self) -> None:
        """Give a turn back."""
        self.taken -= 1
        super().release()
