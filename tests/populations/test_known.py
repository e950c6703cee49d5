"""What a replica remembers of shifts."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from service.populations.judge import Shift
from service.populations.known import KEEP, Populations

pytestmark = pytest.mark.anyio

SINCE = datetime(2026, 1, 5, tzinfo=UTC)


@pytest.fixture
def now() -> datetime:
    """When the test runs, which may be long after this file was read: what was found is kept for minutes."""
    return datetime.now(UTC)


def shift(topic: int) -> Shift:
    return Shift(topic, f"topic {topic}", 50, 100, 2.0, SINCE, 0.99)


async def test_the_first_topic_with_a_shift_is_told(now: datetime) -> None:
    populations = Populations()
    populations.keep("shop", {3: shift(3), 5: shift(5)}, now)
    assert populations.shift_of("shop", [1, 5, 3]) == shift(5)
    assert populations.shift_of("shop", [1]) is None
    assert populations.shift_of("news", [3]) is None


async def test_what_nobody_looked_at_again_is_told_no_more(now: datetime) -> None:
    populations = Populations()
    populations.keep("shop", {3: shift(3)}, now - KEEP - timedelta(seconds=1))
    assert populations.shift_of("shop", [3]) is None
    assert populations.found("shop", since=now - 2 * KEEP) == {3: shift(3)}
    assert populations.found("shop", since=now) is None


async def test_each_domain_is_looked_at_once_however_often_it_was_noticed() -> None:
    populations = Populations()
    waiting = asyncio.create_task(populations.noticed())
    for domain in ("b", "a", "b"):
        populations.notice(domain)
    assert await waiting == ["a", "b"]
    populations.notice("c")
    assert await populations.noticed() == ["c"]
