"""The bounded budget of texts that an encoder takes on at one time."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from service.encoder.contract import EncoderSaturatedError, Permit


class Permits:
    """Hands out permits for texts up to a capacity, and refuses at once beyond it.

    A request for more than the whole capacity is admitted while nothing else is, so that none is impossible. The
    budget counts texts, not requests: overload looks the same to one text as to a thousand.

    Args:
        capacity: texts admitted at one time; at least 1.
        retry_after: from the number of texts admitted to the seconds after which to try again.
    """

    def __init__(self, capacity: int, retry_after: Callable[[int], int]) -> None:
        if capacity < 1:
            raise ValueError(f"capacity_texts must be at least 1, not {capacity}")
        self.capacity = capacity
        self._retry_after = retry_after
        self._admitted = 0
        self._lock = threading.Lock()

    @property
    def admitted(self) -> int:
        """Texts admitted now."""
        return self._admitted

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
            if self._admitted and self._admitted + texts > self.capacity:
                raise EncoderSaturatedError(self._retry_after(self._admitted))
            self._admitted += texts
        try:
            yield Permit(texts)
        finally:
            with self._lock:
                self._admitted -= texts
