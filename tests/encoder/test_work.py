"""The board on which callers and the encoder's thread meet, without a thread."""

import asyncio

import numpy as np
import pytest

from service.encoder import EncoderClosedError
from service.encoder.work import Call, WorkBoard
from service.vectors import Vectors

pytestmark = pytest.mark.anyio


@pytest.fixture
def board() -> WorkBoard:
    return WorkBoard(dim=2, cache_texts=10)


def finish(board: WorkBoard) -> Vectors:
    """Do all that waits; gives the array in which the vectors came."""
    works = board.claim(board.arrivals(100, wait=False) or [])
    vectors = np.array([[number, 1] for number, _ in enumerate(works)], dtype=np.float32)
    board.deliver(works, vectors)
    return vectors


async def test_call_is_done_when_all_its_texts_are(board: WorkBoard) -> None:
    call = board.submit(["a", "b", "a"])
    finish(board)
    assert (await call.result()).vectors.tolist() == [[0, 1], [1, 1], [0, 1]]


async def test_cached_call_is_done_at_once(board: WorkBoard) -> None:
    board.submit(["a"])
    finish(board)
    assert board.submit(["a"]).future.done()
    assert board.arrivals(10, wait=False) == []
    assert board.counts.cache_hits == 1


async def test_what_is_cached_is_told_and_not_kept_for_that() -> None:
    board = WorkBoard(dim=2, cache_texts=2)
    for text in ("a", "b"):
        board.submit([text])
        finish(board)
    assert board.holds(["b", "a", "c"]) == [True, True, False]
    board.submit(["c"])
    finish(board)
    assert board.holds(["a", "b", "c"]) == [False, True, True]
    assert board.counts.cache_hits == 0


async def test_cache_does_not_hold_the_batch(board: WorkBoard) -> None:
    board.submit(["a"])
    finish(board)[:] = -1
    assert board.submit(["a"]).vectors.tolist() == [[0, 1]]


async def test_withdrawn_work_is_not_even_handed_out(board: WorkBoard) -> None:
    board.withdraw(board.submit(["a", "b"]))
    assert board.arrivals(10, wait=False) == []
    assert board.counts.dropped == 2


async def test_withdrawing_what_is_done_changes_nothing(board: WorkBoard) -> None:
    call = board.submit(["a"])
    finish(board)
    board.withdraw(call)
    assert board.counts.dropped == 0


async def test_canary_is_handed_out_first(board: WorkBoard) -> None:
    board.submit(["a", "b", "c"])
    board.submit_canary("canary")
    first = board.arrivals(1, wait=False)
    assert first is not None
    assert [work.text for work in first] == ["canary"]


async def test_text_of_the_canary_is_work_of_its_own(board: WorkBoard) -> None:
    board.submit(["canary"])
    board.submit_canary("canary")
    board.submit_canary("canary")
    finish(board)
    assert board.counts.joined == 1
    assert board.cached == 1


async def test_closed_board(board: WorkBoard) -> None:
    call = board.submit(["a"])
    board.close()
    assert board.arrivals(10, wait=True) is None
    board.abandon()
    with pytest.raises(EncoderClosedError):
        await call.result()
    with pytest.raises(EncoderClosedError):
        board.submit(["a"])


def test_loop_that_is_gone_does_not_hurt(board: WorkBoard) -> None:
    async def submit() -> Call:
        return board.submit(["a"])

    asyncio.run(submit())
    finish(board)
    assert board.cached == 1
