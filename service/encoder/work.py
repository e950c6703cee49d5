"""What callers wait for and what the encoder's thread has to do: the board on which both sides meet."""

import asyncio
import contextlib
import hashlib
import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence
from contextvars import Context, copy_context
from dataclasses import dataclass, field

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray

from service.encoder.contract import Encoded, Spent
from service.encoder.errors import EncoderClosedError, EncodingFailedError
from service.encoder.tokenization import Tokens
from service.vectors import Vectors

Key = bytes
_CANARY: Key = b"canary"  # the keys of texts are longer


@dataclass(slots=True, eq=False)
class Call:
    """One call of `encode`: where its vectors go, and the future that its caller awaits.

    Attributes:
        missing: rows that have no vector yet.
        works: the texts that it still waits for.
        submitted: when it came, on `time.perf_counter`.
        begun: one of its texts is or was in a run of the model.
        tokenize: seconds of tokenizing the batches that its texts were in.
        encode: seconds of running the model on them, since it came.
        context: of the caller, as it was when it called.
    """

    loop: asyncio.AbstractEventLoop
    future: "asyncio.Future[None]"
    vectors: Vectors
    truncated: NDArray[np.bool_]
    missing: int
    works: set["Work"] = field(default_factory=set)
    submitted: float = field(default_factory=time.perf_counter)
    begun: bool = False
    tokenize: float = 0.0
    encode: float = 0.0
    context: Context = field(default_factory=copy_context)

    @classmethod
    def start(cls, texts: int, dim: int) -> "Call":
        """A call for that many texts, made in the running event loop."""
        loop = asyncio.get_running_loop()
        vectors = np.empty((texts, dim), dtype=np.float32)
        return cls(loop, loop.create_future(), vectors, np.zeros(texts, dtype=np.bool_), texts)

    def put(self, row: int, vector: Vectors, *, truncated: bool) -> None:
        """Fill in one row."""
        self.vectors[row] = vector
        self.truncated[row] = truncated
        self.missing -= 1

    def ran(self, seconds: float) -> None:
        """Count a run of the model; of one that began before the call came, what was left of it."""
        self.encode += min(seconds, time.perf_counter() - self.submitted)

    def settle(self, error: Exception | None = None) -> None:
        """Wake the caller, from any thread."""
        # The loop may have been closed, and its callers with it: then nobody waits.
        with contextlib.suppress(RuntimeError):
            self.loop.call_soon_threadsafe(self._settle, error)

    def _settle(self, error: Exception | None) -> None:
        if self.future.done():
            return
        if error is None:
            self.future.set_result(None)
        else:
            self.future.set_exception(error)

    async def result(self) -> Encoded:
        """Wait for all rows.

        Raises:
            EncodingFailedError: the model failed on one of the texts.
            EncoderClosedError: the encoder was closed before all were done.
            EncoderSaturatedError: it was expired.
        """
        await self.future
        waited = time.perf_counter() - self.submitted - self.tokenize - self.encode
        return Encoded(self.vectors, self.truncated, Spent(max(waited, 0.0), self.tokenize, self.encode))


@dataclass(slots=True, eq=False)
class Work:
    """One distinct text that somebody waits for.

    Attributes:
        sequence: smaller is older; negative is urgent.
        waiters: the rows that each call wants it in; empty when every caller is gone.
        running: in the batch that the thread is running.
        tokens: None until the thread has tokenized it.
        length: tokens that it is padded to when it runs alone; 0 until then.
    """

    text: str
    key: Key
    sequence: int
    waiters: dict[Call, list[int]] = field(default_factory=dict)
    running: bool = False
    tokens: Tokens | None = None
    length: int = 0

    @property
    def urgent(self) -> bool:
        """Whether it goes before everything else."""
        return self.sequence < 0


@dataclass(frozen=True, slots=True)
class BoardCounts:
    """Counters since the start, in texts.

    Attributes:
        cache_hits: answered from the cache.
        cache_misses: for which work was taken on, canaries apart.
        joined: answered by the work for an identical text that was already under way.
        dropped: not encoded, because every caller was gone.
        truncated: answered, and longer than the model reads.
    """

    cache_hits: int = 0
    cache_misses: int = 0
    joined: int = 0
    dropped: int = 0
    truncated: int = 0


class WorkBoard:
    """Work by its text, and a cache of finished vectors; every method may be called from any thread.

    An identical text is one piece of work for all who want it, for as long as it is under way; after that its vector
    is in a bounded cache, the least recently used going first. The cache is keyed by a hash of the text, so that its
    size does not depend on how long the texts are (about 1.8 KB an entry at 384 dimensions) and it holds no texts.
    """

    def __init__(self, dim: int, cache_texts: int) -> None:
        if cache_texts < 0:
            raise ValueError(f"cache_texts must not be negative, it is {cache_texts}")
        self._dim = dim
        self._changed = threading.Condition()
        self._arrived: deque[Work] = deque()
        self._in_flight: dict[Key, Work] = {}
        self._cache: LRUCache[Key, tuple[Vectors, bool]] = LRUCache(cache_texts)
        self._sequence = 0
        self._closed = False
        self._cache_hits = self._cache_misses = self._joined = self._dropped = self._truncated = 0

    @property
    def counts(self) -> BoardCounts:
        """The counters now."""
        with self._changed:
            return BoardCounts(self._cache_hits, self._cache_misses, self._joined, self._dropped, self._truncated)

    @property
    def cached(self) -> int:
        """Entries of the cache."""
        return len(self._cache)

    @property
    def pending(self) -> int:
        """Distinct texts that somebody waits for."""
        return len(self._in_flight)

    def holds(self, texts: Sequence[str]) -> list[bool]:
        """Whether each text's vector is in the cache; that it was asked for does not keep it there."""
        keys = [_key(text) for text in texts]
        with self._changed:
            return [key in self._cache for key in keys]

    def submit(self, texts: Sequence[str]) -> Call:
        """Take on a call; what is cached is filled in at once.

        Raises:
            EncoderClosedError: the board is closed.
        """
        call = Call.start(len(texts), self._dim)
        keys = [_key(text) for text in texts]
        with self._changed:
            self._check_open()
            for row, (text, key) in enumerate(zip(texts, keys, strict=True)):
                cached = self._cache.get(key)
                if cached is not None:
                    self._cache_hits += 1
                    self._truncated += cached[1]
                    call.put(row, cached[0], truncated=cached[1])
                else:
                    self._want(call, row, text, key)
            if call.missing == 0:
                call.future.set_result(None)
            else:
                self._changed.notify()
        return call

    def submit_canary(self, text: str) -> Call:
        """Take on a text that goes before all others and past the cache."""
        call = Call.start(1, self._dim)
        with self._changed:
            self._check_open()
            self._want(call, 0, text, _CANARY, urgent=True)
            self._changed.notify()
        return call

    def expire(self, call: Call, error: Exception) -> None:
        """Give up a call none of whose texts has had its turn yet; its caller gets the error."""
        with self._changed:
            if not call.begun and call.missing:
                self._withdraw(call)
                call.settle(error)

    def withdraw(self, call: Call) -> None:
        """Forget a caller; work that nobody else wants and that is not running yet will not be done."""
        with self._changed:
            self._withdraw(call)

    def arrivals(self, limit: int, *, wait: bool) -> list[Work] | None:
        """The next new pieces of work, the oldest first; None once the board is closed.

        Args:
            limit: no more than so many.
            wait: block until there is one.
        """
        with self._changed:
            while wait and not self._arrived and not self._closed:
                self._changed.wait()
            if self._closed:
                return None
            taken = [self._arrived.popleft() for _ in range(min(limit, len(self._arrived)))]
            return [work for work in taken if work.waiters]

    def claim(self, works: Iterable[Work]) -> list[Work]:
        """Those that are still wanted, now marked as running: whoever joins from here on gets this run's vector."""
        with self._changed:
            wanted = [work for work in works if work.waiters]
            for work in wanted:
                work.running = True
            for call in _callers(wanted):
                call.begun = True
            return wanted

    def tokenized(self, works: Iterable[Work], seconds: float) -> None:
        """Count the seconds that it took to tokenize these together to everyone who waits for one of them."""
        with self._changed:
            for call in _callers(works):
                call.tokenize += seconds

    def deliver(self, works: Sequence[Work], vectors: Vectors, seconds: float = 0.0) -> set[Call]:
        """Hand the finished vectors (n, dim) to everyone who waits for them, and cache them.

        Args:
            works: as claimed.
            vectors: of their texts.
            seconds: that the run took.

        Returns:
            Who waited.
        """
        with self._changed:
            calls = _callers(works)
            for call in calls:
                call.ran(seconds)
            for work, vector in zip(works, vectors, strict=True):
                self._in_flight.pop(work.key, None)
                truncated = work.tokens is not None and work.tokens.truncated
                if self._cache.maxsize and work.key != _CANARY:
                    # A copy: a view would keep its whole batch in memory.
                    self._cache[work.key] = (vector.copy(), truncated)
                self._truncated += truncated * sum(map(len, work.waiters.values()))
                self._fill_in(work, vector, truncated=truncated)
            return calls

    def fail(self, work: Work, cause: Exception) -> None:
        """Tell everyone who waits for this text that it failed, and forget their other texts."""
        with self._changed:
            self._in_flight.pop(work.key, None)
            for call in list(work.waiters):
                self._withdraw(call)
                call.settle(EncodingFailedError(cause))

    def close(self) -> None:
        """Take no more work, and wake the thread so that it ends."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def abandon(self) -> None:
        """Close, and fail everything that is not delivered."""
        with self._changed:
            self._closed = True
            calls = {call for work in self._in_flight.values() for call in work.waiters}
            self._arrived.clear()
            self._in_flight.clear()
            self._cache.clear()
            for call in calls:
                call.settle(EncoderClosedError())

    def _check_open(self) -> None:
        if self._closed:
            raise EncoderClosedError

    def _want(self, call: Call, row: int, text: str, key: Key, *, urgent: bool = False) -> None:
        work = self._in_flight.get(key)
        if work is None:
            self._sequence += 1
            work = Work(text, key, -self._sequence if urgent else self._sequence)
            self._cache_misses += not urgent
            self._in_flight[key] = work
            if urgent:
                self._arrived.appendleft(work)
            else:
                self._arrived.append(work)
        else:
            self._joined += 1
            call.begun |= work.running
        work.waiters.setdefault(call, []).append(row)
        call.works.add(work)

    def _withdraw(self, call: Call) -> None:
        for work in call.works:
            work.waiters.pop(call, None)
            if not work.waiters and not work.running and self._in_flight.get(work.key) is work:
                # Off the books at once, so that a new caller does not join what will not be done.
                del self._in_flight[work.key]
                self._dropped += 1
        call.works.clear()

    @staticmethod
    def _fill_in(work: Work, vector: Vectors, *, truncated: bool) -> None:
        for call, rows in work.waiters.items():
            for row in rows:
                call.put(row, vector, truncated=truncated)
            call.works.discard(work)
            if call.missing == 0:
                call.settle()
        work.waiters.clear()


def _callers(works: Iterable[Work]) -> set[Call]:
    return {call for work in works for call in work.waiters}


def _key(text: str) -> Key:
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=16).digest()
