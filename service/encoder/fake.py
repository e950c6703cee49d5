"""A small encoder without weights, so that everything above the encoder can be tested without a model."""

import asyncio
import hashlib
import re
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from contextvars import copy_context
from functools import lru_cache

import numpy as np

from service.encoder.contract import Encoded, ModelInfo, Permit
from service.encoder.errors import EncoderClosedError
from service.encoder.permits import Permits
from service.encoder.stats import EncoderStats, Listener, Listeners, Run
from service.vectors import Vectors

# A run of letters and digits, or one ideograph, or one of anything else that is not a space (an emoji).
_WORD = re.compile(r"[\u3400-\u9fff]|[^\W\u3400-\u9fff]+|[^\w\s]")


class FakeEncoder:
    """A text's vector is the sum of pseudo-random vectors of its words, scaled to unit length.

    Texts that share words are close, others nearly orthogonal (cosine about ±1/√dim); order does not matter, case
    does not matter. The same text has the same vector in every process.

    Args:
        dim: length of a vector.
        max_tokens: words that are read; further ones are cut off and reported as truncated.
        capacity_texts: texts admitted at one time.

    Attributes:
        canary_right: what `canary` answers while the encoder is open; set it to False to act broken.
        texts_encoded: texts encoded since the start.
    """

    def __init__(self, *, dim: int = 64, max_tokens: int = 256, capacity_texts: int = 4096) -> None:
        self._info = ModelInfo(
            id="fake",
            digest=hashlib.sha256(f"fake {dim} {max_tokens}".encode()).hexdigest(),
            space=hashlib.sha256(f"fake {dim} {max_tokens}".encode()).hexdigest(),
            dim=dim,
            max_tokens=max_tokens,
            prefix="",
            pooling="mean",
            precision="fp32",
            provider="fake",
        )
        self._permits = Permits(capacity_texts)
        self._closed = False
        self.canary_right = True
        self.texts_encoded = 0
        self._batches = self._tokens = self._padded_tokens = self._truncated = 0
        self._listeners = Listeners()

    @property
    def info(self) -> ModelInfo:
        """What it pretends to have loaded."""
        return self._info

    @property
    def stats(self) -> EncoderStats:
        """The counters now; words are its tokens, and there is no cache."""
        return EncoderStats(
            texts_encoded=self.texts_encoded,
            cache_misses=self.texts_encoded,
            truncated=self._truncated,
            batches=self._batches,
            tokens=self._tokens,
            padded_tokens=self._padded_tokens,
            admitted=self._permits.admitted,
        )

    def listening(self, listener: Listener) -> AbstractContextManager[None]:
        """Have every call told to the listener as a run of the model, as long as the context is open."""
        return self._listeners.added(listener)

    def cached(self, texts: Sequence[str]) -> list[bool]:
        """Never: there is no cache."""
        return [False] * len(texts)

    def admit(self, texts: int) -> AbstractContextManager[Permit]:
        """Ask for the right to encode that many texts.

        Raises:
            EncoderSaturatedError: at once on entering the block, when there is no room.
        """
        return self._permits.admit(texts)

    async def encode(self, texts: Sequence[str], permit: Permit) -> Encoded:
        """Encode texts.

        Raises:
            ValueError: more texts than the permit is for.
            EncoderClosedError: the encoder is closed.
        """
        if len(texts) > permit:
            raise ValueError(f"{len(texts)} texts under a permit for {permit}")
        await asyncio.sleep(0)  # the real one lets others run, too
        if self._closed:
            raise EncoderClosedError
        began = time.perf_counter()
        words = [_words(text) for text in texts]
        limit = self._info.max_tokens
        vectors = np.array([self._vector(found[:limit]) for found in words], dtype=np.float32)
        truncated = np.array([len(w) > limit for w in words], bool)
        self._count([min(len(w), limit) for w in words], int(truncated.sum()), began)
        return Encoded(vectors.reshape(len(texts), self._info.dim), truncated)

    async def canary(self) -> bool:
        """Whether it is open and not told to act broken."""
        return self.canary_right and not self._closed

    def close(self) -> None:
        """Encode nothing any more."""
        self._closed = True

    def _count(self, lengths: Sequence[int], truncated: int, began: float) -> None:
        ended = time.perf_counter()
        padded = len(lengths) * max(lengths, default=0)
        run = Run(len(lengths), sum(lengths), padded, ended - began, ended, [copy_context()])
        self.texts_encoded += run.texts
        self._truncated += truncated
        self._batches += 1
        self._tokens += run.tokens
        self._padded_tokens += run.padded_tokens
        self._listeners.tell(run)

    def _vector(self, words: Sequence[str]) -> Vectors:
        total = np.sum([_word_vector(word, self._info.dim) for word in words or [""]], axis=0)
        return np.asarray(total / np.linalg.norm(total), dtype=np.float32)


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


@lru_cache(maxsize=10_000)
def _word_vector(word: str, dim: int) -> Vectors:
    """A vector of normal deviates (dim,), seeded by the word."""
    digest = hashlib.sha256(word.encode("utf-8", "replace")).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big")).standard_normal(dim).astype(np.float32)
