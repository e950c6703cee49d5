"""When a server that died is started again, and how often. Pauses are noted, not made: no test depends on a clock."""

import asyncio
from dataclasses import dataclass, field

import pytest

from service.database.supervision import LONGEST_PAUSE_S, STEADY_S, WATCH_S, keep_running

pytestmark = pytest.mark.anyio


@dataclass
class Server:
    """Is up or down as `ups` says, look after look.

    Attributes:
        ups: what is seen, one look after the other; the test ends with the last.
        failures: how many of the first tries to revive it fail.
        now: seconds, moved by pauses alone.
        pauses: between a death and a try, other than none.
    """

    ups: list[bool]
    failures: int = 0
    revived: int = 0
    now: float = 0.0
    pauses: list[float] = field(default_factory=list)

    def is_up(self) -> bool:
        return self.ups.pop(0)

    def revive(self) -> None:
        self.revived += 1
        if self.revived <= self.failures:
            raise OSError("no space left on device")

    async def sleep(self, seconds: float) -> None:
        if not self.ups:
            raise asyncio.CancelledError
        self.now += seconds
        if seconds not in {0, WATCH_S}:
            self.pauses.append(seconds)

    async def watched(self) -> None:
        with pytest.raises(asyncio.CancelledError):
            await keep_running(self, sleep=self.sleep, clock=lambda: self.now)


async def test_a_server_that_is_up_is_left_alone() -> None:
    server = Server([True] * 5)
    await server.watched()
    assert (server.revived, server.pauses) == (0, [])


async def test_one_that_died_is_started_again_at_once() -> None:
    server = Server([True, False, True, True])
    await server.watched()
    assert (server.revived, server.pauses) == (1, [])


async def test_tries_that_fail_come_less_and_less_often(caplog: pytest.LogCaptureFixture) -> None:
    server = Server([False] * 8 + [True, True], failures=7)
    await server.watched()
    assert server.revived == 8
    assert server.pauses == [1, 2, 4, 8, 16, LONGEST_PAUSE_S, LONGEST_PAUSE_S]
    assert "could not be revived, next try in 1 s: no space left on device" in caplog.text


async def test_one_that_keeps_dying_is_not_started_again_in_haste() -> None:
    server = Server([False, True, False, True, False, True, True])
    await server.watched()
    assert (server.revived, server.pauses) == (3, [1, 2])


async def test_once_it_was_up_for_long_enough_it_is_started_again_at_once() -> None:
    well = [True] * (int(STEADY_S / WATCH_S) + 2)
    server = Server([False, *well, False, True, True])
    await server.watched()
    assert (server.revived, server.pauses) == (2, [])
