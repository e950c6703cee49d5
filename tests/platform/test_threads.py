import asyncio
import threading

import pytest

from service.threads import opened_in_thread

pytestmark = pytest.mark.anyio


async def test_a_resource_whose_opening_is_cancelled_is_closed() -> None:
    begun, may_finish = threading.Event(), threading.Event()
    closed: list[str] = []

    def start() -> str:
        begun.set()
        may_finish.wait(10)
        return "resource"

    async def use() -> None:
        async with opened_in_thread(start, closed.append):
            pytest.fail("was cancelled before it opened")

    task = asyncio.create_task(use())
    await asyncio.to_thread(begun.wait, 10)
    task.cancel()
    await asyncio.sleep(0)
    may_finish.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert closed == ["resource"]


async def test_a_resource_that_fails_to_open_is_not_closed() -> None:
    def start() -> str:
        raise LookupError("no such thing")

    with pytest.raises(LookupError):
        async with opened_in_thread(start, lambda _: pytest.fail("was never open")):
            pytest.fail("was never open")
