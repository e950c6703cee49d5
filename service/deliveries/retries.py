"""When a message that was not taken is sent again."""

import random
from collections.abc import Callable
from datetime import timedelta

MINUTE, HOUR = 60.0, 3600.0
WAITS = (0.0, 5.0, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR)
"""Seconds before each attempt, as Standard Webhooks recommends. After the last one a message is given up."""
JITTER = 0.1
"""Share of a wait that is drawn at random, so that what failed together does not come back together."""
LONGEST_ASKED = 24 * HOUR
"""Of what a receiver asks for by `Retry-After`, no more than that is heeded."""


def wait_after(
    attempts: int, *, asked: float | None = None, draw: Callable[[], float] = random.random
) -> timedelta | None:
    """How long to wait after an attempt that failed; None where it was the last.

    Args:
        attempts: that were made, this one included.
        asked: seconds that the receiver asked for.
        draw: a number from 0 to 1, drawn at random.

    Example:
        >>> wait_after(1, draw=lambda: 0.0), wait_after(10)
        (datetime.timedelta(seconds=5), None)
    """
    if attempts >= len(WAITS):
        return None
    wait = max(WAITS[attempts], min(asked or 0.0, LONGEST_ASKED))
    return timedelta(seconds=wait * (1 + JITTER * draw()))
