"""What the rest of the service knows of an encoder: texts in, unit vectors out, by permit only.

A permit is an argument of `Encoder.encode`, so that no caller can go round the backpressure: whoever wants vectors
must first be admitted, and admission fails at once when the service is saturated.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import NewType, Protocol

import numpy as np
from numpy.typing import NDArray

from service.encoder.stats import EncoderStats, Listener
from service.vectors import Vectors

Permit = NewType("Permit", int)
"""The right to have that many texts encoded; only `Encoder.admit` makes one."""


class EncoderSaturatedError(Exception):
    """No permit is free. The caller should answer 503 with `Retry-After`.

    Attributes:
        retry_after: seconds after which a new try is worth making.
    """

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"the encoder is saturated; try again in {retry_after} s")
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What is loaded, as `GET /model` shows it.

    Attributes:
        id: the model's name.
        digest: SHA-256 over the exported files; changes with precision and tool versions.
        space: SHA-256 over what defines the vector space (weights, tokenizer, pooling, prefix); the same for every
            precision of one model. Profiles are bound to it.
        dim: length of a vector.
        max_tokens: longer texts are truncated to this many tokens, special tokens included.
        prefix: put before every text.
        pooling: mean, cls or last.
        precision: fp32, int8 or fp16.
        provider: the ONNX Runtime execution provider that really runs.
    """

    id: str
    digest: str
    space: str
    dim: int
    max_tokens: int
    prefix: str
    pooling: str
    precision: str
    provider: str


@dataclass(frozen=True, slots=True)
class Spent:
    """Where the time of one call went, in seconds; they add up to how long it took.

    Attributes:
        queue: waiting, for other callers' texts and for a turn.
        tokenize: texts to tokens, in the batches that this call's texts were in.
        encode: running the model on those batches.
    """

    queue: float = 0.0
    tokenize: float = 0.0
    encode: float = 0.0


@dataclass(frozen=True, slots=True)
class Encoded:
    """Vectors of a list of texts, in its order.

    Attributes:
        vectors: (n, dim) float32, each row of unit length.
        truncated: (n,) bool, true where the text was longer than the model reads.
        spent: where the time went.
    """

    vectors: Vectors
    truncated: NDArray[np.bool_]
    spent: Spent = Spent()


class Encoder(Protocol):
    """An encoder that is loaded and warm."""

    @property
    def info(self) -> ModelInfo:
        """What is loaded."""
        ...

    @property
    def stats(self) -> EncoderStats:
        """The counters now."""
        ...

    def listening(self, listener: Listener) -> AbstractContextManager[None]:
        """Have every run of the model told to the listener, as long as the context is open."""
        ...

    def cached(self, texts: Sequence[str]) -> list[bool]:
        """Whether each text's vector is at hand at this moment, so that the model need not run for it."""
        ...

    def admit(self, texts: int) -> AbstractContextManager[Permit]:
        """Ask for the right to encode that many texts; held for the length of the `with` block.

        Raises:
            EncoderSaturatedError: at once, when there is no room.
        """
        ...

    async def encode(self, texts: Sequence[str], permit: Permit) -> Encoded:
        """Encode texts. Work whose caller is cancelled is dropped before it is encoded.

        Raises:
            ValueError: more texts than the permit is for.
            EncoderSaturatedError: its turn did not come in time.
        """
        ...

    async def canary(self) -> bool:
        """Whether a real forward pass right now gives the vector that the export recorded."""
        ...

    def close(self) -> None:
        """Stop the encoder's thread and free the model. Waiting work fails."""
        ...
