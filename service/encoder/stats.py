"""What an encoder tells of its own work: counters to read at any time, and every run of the model as it ends."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import Context
from dataclasses import dataclass

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EncoderStats:
    """Counters since the start, and the load now.

    Attributes:
        texts_encoded: texts run through the model, canaries included.
        cache_hits: texts answered from the cache.
        cache_misses: texts for which work was taken on.
        joined: texts answered by the work for an identical text that was already under way.
        dropped: texts not encoded, because every caller was gone.
        truncated: texts answered that were longer than the model reads.
        batches: runs of the model.
        tokens: tokens in those runs, padding excluded.
        padded_tokens: the same, padding included.
        busy_seconds: time spent in those runs.
        tokenize_seconds: time spent tokenizing.
        cached: entries of the cache now.
        admitted: texts under permits now.
        pending: distinct texts that somebody waits for now.
    """

    texts_encoded: int = 0
    cache_hits: int = 0
    cache_misses: int = 0
    joined: int = 0
    dropped: int = 0
    truncated: int = 0
    batches: int = 0
    tokens: int = 0
    padded_tokens: int = 0
    busy_seconds: float = 0.0
    tokenize_seconds: float = 0.0
    cached: int = 0
    admitted: int = 0
    pending: int = 0

    @property
    def padding_share(self) -> float:
        """Padding's share of all tokens run; 0 before the first run."""
        return 1 - self.tokens / self.padded_tokens if self.padded_tokens else 0.0


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the model that just ended.

    Attributes:
        texts: of the batch.
        tokens: of the batch, padding excluded.
        padded_tokens: the same, padding included.
        seconds: that it took.
        ended: when, on `time.perf_counter`.
        callers: the contexts, each a copy, of those who wait for one of its texts; the oldest call's first.
    """

    texts: int
    tokens: int
    padded_tokens: int
    seconds: float
    ended: float
    callers: Sequence[Context] = ()


Listener = Callable[[Run], None]
"""Called in the encoder's thread, after the vectors were handed out; must be quick."""


class Listeners:
    """Those who want to be told of every run."""

    def __init__(self) -> None:
        self._listeners: tuple[Listener, ...] = ()

    @contextmanager
    def added(self, listener: Listener) -> Iterator[None]:
        """Tell this one, too, as long as the context is open."""
        self._listeners = (*self._listeners, listener)
        try:
            yield
        finally:
            self._listeners = tuple(known for known in self._listeners if known != listener)

    def tell(self, run: Run) -> None:
        """Tell all. Who fails to listen does not make the run fail."""
        for listener in self._listeners:
            try:
                listener(run)
            except Exception:  # noqa: BLE001 - the encoder's thread must survive it
                _log.exception("a listener to the encoder's runs failed")
