"""The times of attempts."""

from datetime import timedelta

import pytest

from service.deliveries.retries import JITTER, WAITS, wait_after


def test_ten_attempts_in_a_little_more_than_three_days() -> None:
    waits = [wait_after(attempts, draw=lambda: 0.0) for attempts in range(1, len(WAITS))]
    assert [wait.total_seconds() for wait in waits if wait] == list(WAITS[1:])
    assert wait_after(len(WAITS)) is None
    total = sum((wait for wait in waits if wait), timedelta())
    assert timedelta(days=3) < total * (1 + JITTER) < timedelta(days=4)


def test_what_failed_together_does_not_come_back_together() -> None:
    drawn = {wait_after(3) for _ in range(50)}
    assert len(drawn) > 40
    assert all(wait is not None and 1800 <= wait.total_seconds() <= 1980 for wait in drawn)


@pytest.mark.parametrize(("asked", "seconds"), [(None, 5), (0.0, 5), (3.0, 5), (60.0, 60), (1e9, 24 * 3600), (-5.0, 5)])
def test_a_receiver_may_ask_for_more_time_but_not_for_ever(asked: float | None, seconds: float) -> None:
    assert wait_after(1, asked=asked, draw=lambda: 0.0) == timedelta(seconds=seconds)


def test_asking_for_more_time_gives_no_more_attempts() -> None:
    assert wait_after(len(WAITS), asked=60.0) is None
