"""The bounded budget of texts that an encoder takes on at one time."""

import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from service.encoder.contract import EncoderSaturatedError, Permit


class Permits:
    """Hands out permits for texts up to a capacity, and refuses at once beyond it.

    A request for more than the whole capacity is admitted while nothing else is, so that none is impossible. The
    budget counts texts, not requests: overload looks the same to one text as to a thousand. And nobody is admitted who
    would have to wait too long: a refusal at once is worth more than an answer that nobody waits for any more.

    Args:
        capacity: texts admitted at one time; at least 1.
        max_wait: seconds; more than 0.
        waiting: seconds that the work admitted so far will take.
    """

    def __init__(self, capacity: int, max_wait: float = math.inf, waiting: Callable[[], float] = lambda: 0.0) -> None:
        if capacity < 1:
            raise ValueError(f"capacity_texts must be at least 1, not {capacity}")
        if not max_wait > 0:
            raise ValueError(f"max_wait must be more than 0, not {max_wait}")
        self.capacity = capacity
        self.max_wait = max_wait
        self._waiting = waiting
        self._admitted = 0
        self._lock = threading.Lock()

    @property
    def admitted(self) -> int:
        """Texts admitted now."""
        return self._admitted

    def refusal(self) -> EncoderSaturatedError:
        """The error that tells a caller when what is waiting now should be done: in 1 to 60 seconds."""
        return EncoderSaturatedError(min(60, max(1, math.ceil(self._waiting()))))

    @contextmanager
    def admit(self, texts: int) -> Iterator[Permit]:
        """A permit for that many texts, given back when the `with` block ends, however it ends.

        Raises:
            EncoderSaturatedError: at once, when there is no room.
            ValueError: a negative number.
        """
        if texts < 0:
            raise ValueError(f"a permit for {texts} texts makes no sense")
        with self._lock:
            if self._admitted and (self._admitted + texts > self.capacity or self._waiting() > self.max_wait):
                raise self.refusal()
            self._admitted += texts
        try:
            yield Permit(texts)
        finally:
            with self._lock:
                self._admitted -= texts
