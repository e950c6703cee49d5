"""The keys in memory: how old they may be, and what reading them costs."""

import asyncio
from collections.abc import Sequence

import pytest

from service.access.keyring import AFTER_REFUSAL_S, Keyring
from service.access.keys import Key
from tests.access.conftest import Clock

pytestmark = pytest.mark.anyio

KEEP_S = 10.0


class Source:
    """Stands in for the database: counts how often it is read, can be held up, and can be away."""

    def __init__(self) -> None:
        self.reads = 0
        self.away = False
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self) -> Sequence[Key]:
        self.reads += 1
        await self.gate.wait()
        if self.away:
            raise ConnectionError("away")
        return []


async def settle() -> None:
    """Let what was begun in the background come to its end."""
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keyring(source: Source, clock: Clock) -> Keyring:
    return Keyring(source, keep_seconds=KEEP_S, clock=clock)


async def test_any_number_of_requests_reads_once(keyring: Keyring, source: Source) -> None:
    await asyncio.gather(*(keyring.current() for _ in range(100)))
    for _ in range(100):
        await keyring.current()
    assert source.reads == 1


async def test_it_is_read_again_in_the_background_before_it_is_too_old(
    keyring: Keyring, source: Source, clock: Clock
) -> None:
    await keyring.current()
    clock.seconds += KEEP_S / 2
    source.gate.clear()
    await asyncio.wait_for(keyring.current(), 10)  # not held up by the reading that it began
    await settle()
    assert source.reads == 2
    await keyring.current()
    source.gate.set()
    await settle()
    clock.seconds += KEEP_S / 2 - 0.1
    await keyring.current()
    assert source.reads == 2


async def test_what_is_too_old_is_waited_for(keyring: Keyring, source: Source, clock: Clock) -> None:
    before = await keyring.current()
    clock.seconds += KEEP_S
    source.gate.clear()
    waiting = [asyncio.create_task(keyring.current()) for _ in range(10)]
    await settle()
    assert not any(task.done() for task in waiting)
    waiting[0].cancel()  # its client went: the others still get theirs
    source.gate.set()
    answers = await asyncio.gather(*waiting[1:])
    assert source.reads == 2
    assert all(keys is not before for keys in answers)


async def test_age_counts_from_the_beginning_of_the_reading(keyring: Keyring, source: Source, clock: Clock) -> None:
    source.gate.clear()
    first = asyncio.create_task(keyring.current())
    await settle()
    clock.seconds += KEEP_S  # it took as long as that
    source.gate.set()
    await first
    await keyring.current()
    assert source.reads == 2


async def test_while_the_database_is_away_nothing_too_old_is_used(
    keyring: Keyring, source: Source, clock: Clock
) -> None:
    await keyring.current()
    source.away = True
    clock.seconds += KEEP_S / 2
    await keyring.current()  # still young enough, and the failure behind it is nobody's
    await settle()
    clock.seconds += KEEP_S / 2
    failures = await asyncio.gather(*(keyring.current() for _ in range(50)), return_exceptions=True)
    assert [type(failure) for failure in failures] == [ConnectionError] * 50
    assert source.reads == 3, "one attempt for all who wait"
    source.away = False
    await keyring.current()


async def test_a_flood_of_wrong_keys_reads_once_a_second(keyring: Keyring, source: Source, clock: Clock) -> None:
    await keyring.current()
    for _ in range(1000):
        await keyring.after_refusal()
    assert source.reads == 1
    clock.seconds += AFTER_REFUSAL_S
    for _ in range(1000):
        await keyring.after_refusal()
    assert source.reads == 2


async def test_closing_gives_up_a_reading_under_way(keyring: Keyring, source: Source) -> None:
    source.gate.clear()
    waiting = asyncio.create_task(keyring.current())
    await settle()
    await keyring.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await keyring.close()
