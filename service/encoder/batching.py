"""Which waiting texts to run through the model together."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from operator import attrgetter

import numpy as np

from service.encoder.rows import RowPolicy, divide
from service.encoder.work import Work


@dataclass(frozen=True, slots=True)
class BatchPolicy:
    """What a batch costs, and its limit.

    Attributes:
        max_tokens: tokens of a batch, padding included; a longer text runs alone. Shared rows are counted as if filled
            evenly, and may come out some tokens longer.
        run_tokens: what running the model once costs besides its tokens, in tokens.
        window: how many of the oldest texts a batch is taken from. The more, the less padding; but a request is done
            when its last text is, and the more often newcomers are run before it.
        rows: how texts fill its rows.
    """

    max_tokens: int
    run_tokens: int
    window: int = 320
    rows: RowPolicy = field(default_factory=RowPolicy)

    def __post_init__(self) -> None:
        if self.max_tokens < 1:
            raise ValueError(f"max_batch_tokens must be at least 1, not {self.max_tokens}")


class Pool:
    """Tokenized texts that wait to be run, from which batches of similar length are taken, the oldest first.

    Each batch holds the oldest text, so none starves, and those of the next oldest that it is cheapest to run it with.
    One urgent text (a health check) runs before all others, and alone, as it did at export.
    """

    def __init__(self, policy: BatchPolicy) -> None:
        self._policy = policy
        self._works: list[Work] = []

    def __len__(self) -> int:
        return len(self._works)

    def add(self, works: Iterable[Work]) -> None:
        """Put tokenized texts into the pool."""
        self._works.extend(works)
        self._works.sort(key=attrgetter("sequence"))  # in order already, but for urgent ones

    def take_batch(self) -> list[Work]:
        """Take the next batch out, sorted by length; empty when nothing in the pool is wanted any more."""
        self._works = [work for work in self._works if work.waiters]
        if not self._works:
            return []
        oldest = self._works[0]
        if oldest.urgent:
            return [self._works.pop(0)]
        near = sorted(self._works[: self._policy.window], key=attrgetter("length"))
        start, stop = cheapest_group([work.length for work in near], near.index(oldest), self._policy)
        batch = near[start:stop]
        taken = set(batch)
        self._works = [work for work in self._works if work not in taken]
        return batch


def cheapest_group(lengths: Sequence[int], seed: int, policy: BatchPolicy) -> tuple[int, int]:
    """Bounds (start, stop) of the batch of a text, where all are divided into batches at the least cost.

    A batch costs its rows, padding included, and `run_tokens`: n texts that do not share rows, n times the longest.
    Sorted by length, the cheapest division is one into neighbours, and is found by dynamic programming, as the breaking
    of lines is (Knuth and Plass, 1981).

    Args:
        lengths: of the texts, sorted.
        seed: which text the batch must hold.
        policy: of the batches.

    Example:
        >>> cheapest_group([3, 12, 12, 13, 90], 1, BatchPolicy(max_tokens=1024, run_tokens=4))
        (1, 4)
    """
    rows = policy.rows
    return divide(np.array(lengths, np.int64), seed, policy.max_tokens, policy.run_tokens, rows.row_tokens, rows.span)
