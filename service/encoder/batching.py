"""Which waiting texts to run through the model together."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from service.encoder.work import Work


@dataclass(frozen=True, slots=True)
class BatchPolicy:
    """The limits of one batch.

    Attributes:
        max_tokens: tokens of a batch, padding included; a longer text runs alone.
        free_padding: padding tokens that cost less than running the model once more.
        padding_share: the share of padding that is tolerated beyond that.
    """

    max_tokens: int
    free_padding: int
    padding_share: float = 0.1

    def __post_init__(self) -> None:
        if self.max_tokens < 1:
            raise ValueError(f"max_batch_tokens must be at least 1, not {self.max_tokens}")

    def allows(self, texts: int, tokens: int, longest: int) -> bool:
        """Whether so many texts of so many tokens in all may run together."""
        padded = texts * longest
        return padded <= self.max_tokens and padded - tokens <= max(self.free_padding, self.padding_share * padded)


class Pool:
    """Tokenized texts that wait to be run, from which batches of similar length are taken, the oldest first.

    Each batch holds the oldest text, so none starves, and as many of its neighbours in length as the policy allows.
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
        self._works.sort(key=_length)  # nearly sorted already, which is quick

    def take_batch(self) -> list[Work]:
        """Take the next batch out, sorted by length; empty when nothing in the pool is wanted any more."""
        self._works = [work for work in self._works if work.waiters]
        if not self._works:
            return []
        seed = min(range(len(self._works)), key=lambda index: self._works[index].sequence)
        if self._works[seed].urgent:
            return [self._works.pop(seed)]
        start, stop = widest_window([_length(work) for work in self._works], seed, self._policy)
        batch = self._works[start:stop]
        del self._works[start:stop]
        return batch


def widest_window(lengths: Sequence[int], seed: int, policy: BatchPolicy) -> tuple[int, int]:
    """Bounds (start, stop) of a run of sorted lengths around a seed that the policy allows as one batch.

    It grows greedily, each time by the neighbour that is nearer to the seed in length, so that it ends up with the
    lengths most like the seed's.

    Example:
        >>> widest_window([3, 12, 12, 13, 90], 1, BatchPolicy(max_tokens=1024, free_padding=4))
        (1, 4)
    """
    start, stop, tokens = seed, seed + 1, lengths[seed]
    shorter_fits, longer_fits = seed > 0, stop < len(lengths)
    while shorter_fits or longer_fits:
        take_shorter = shorter_fits and (
            not longer_fits or lengths[seed] - lengths[start - 1] <= lengths[stop] - lengths[seed]
        )
        added = lengths[start - 1] if take_shorter else lengths[stop]
        longest = max(lengths[stop - 1], added)
        if policy.allows(stop - start + 1, tokens + added, longest):
            start, stop, tokens = start - take_shorter, stop + (not take_shorter), tokens + added
            shorter_fits, longer_fits = shorter_fits and start > 0, longer_fits and stop < len(lengths)
        elif take_shorter:
            shorter_fits = False
        else:
            longer_fits = False
    return start, stop


def _length(work: Work) -> int:
    return len(work.tokens) if work.tokens is not None else 0
