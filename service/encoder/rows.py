"""How many rows a batch takes, what they cost, and which texts to run together: the loops of it, compiled."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.compiled import compiled


@dataclass(frozen=True, slots=True)
class RowPolicy:
    """Whether texts share rows, and what rows cost.

    Attributes:
        row_tokens: tokens of a row that texts share; 0 where each has a row of its own. A longer text has a row as
            long as itself, in which others may stand.
        span: a row of so many tokens costs twice what as many tokens in short rows do, for in attention each meets all
            the others; infinite where that cannot be chosen, because rows are not shared.
    """

    row_tokens: int = 0
    span: float = math.inf

    @property
    def packs(self) -> bool:
        """Whether texts share rows."""
        return self.row_tokens > 0


@compiled
def cost_of_rows(rows: int, tokens: int, span: float) -> float:
    """What rows of so many tokens cost, see `RowPolicy`."""
    return rows * tokens * (1.0 + tokens / span)


@compiled
def rows_for(before: NDArray[np.int64], start: int, stop: int, row_tokens: int, span: float) -> tuple[int, int, float]:
    """Rows, their tokens and their cost for texts sorted by length, as far as can be told without filling them.

    A row holds the longest text, and some row its share of all tokens, and at least the shortest of as many texts as
    its share of them is.

    Args:
        before: (n + 1) tokens of all texts before each.
        start: of the texts.
        stop: of the texts.
        row_tokens: see `RowPolicy`.
        span: see `RowPolicy`.
    """
    texts, total = stop - start, before[stop] - before[start]
    longest = before[stop] - before[stop - 1]
    best_rows, best_tokens, least = texts, longest, cost_of_rows(texts, longest, span)
    if row_tokens > 0:
        about = -(-total // max(longest, row_tokens))
        for rows in range(max(1, about - 1), min(about + 2, texts)):
            share = before[start - (-texts // rows)] - before[start]
            tokens = max(longest, -(-total // rows), share)
            cost = cost_of_rows(rows, tokens, span)
            if cost < least:
                best_rows, best_tokens, least = rows, tokens, cost
    return best_rows, best_tokens, least


@compiled
def fill_rows(lengths: NDArray[np.int64], row_tokens: int, span: float) -> tuple[NDArray[np.int64], int, int]:
    """Where each text begins when all rows are laid end to end, and the rows and their tokens.

    The longest text first, each goes into the emptiest row (Graham, 1969); of several numbers of rows the cheapest is
    taken, a row for each text among them.
    """
    n = len(lengths)
    order = np.argsort(-lengths, kind="mergesort")  # stable, so that equal texts stand in the order given
    about = -(-lengths.sum() // max(lengths.max(), row_tokens))
    least, best, best_rows, best_tokens = np.inf, np.zeros(n, np.int64), 0, 0
    in_row, starts = np.zeros(n, np.int64), np.zeros(n, np.int64)
    for rows in (about - 1, about, about + 1, n):
        if rows < 1 or rows > n:
            continue
        filled = np.zeros(rows, np.int64)
        for text in order:
            row = filled.argmin()
            in_row[text], starts[text] = row, filled[row]
            filled[row] += lengths[text]
        tokens = filled.max()
        cost = cost_of_rows(rows, tokens, span)
        if cost < least:
            least, best_rows, best_tokens = cost, rows, tokens
            best = in_row * tokens + starts
    return best, best_rows, best_tokens


@compiled
def divide(  # noqa: PLR0917 - compiled code takes numbers by place
    lengths: NDArray[np.int64], seed: int, max_tokens: int, run_tokens: int, row_tokens: int, span: float
) -> tuple[int, int]:
    """The group (start, stop) of the seed in the cheapest division of sorted lengths into neighbours."""
    n = len(lengths)
    before = np.zeros(n + 1, np.int64)
    before[1:] = np.cumsum(lengths)
    least, begins = np.zeros(n + 1, np.float64), np.zeros(n + 1, np.int64)
    for stop in range(1, n + 1):
        least[stop] = np.inf
        for start in range(stop - 1, -1, -1):
            if row_tokens == 0:  # said here as well, because it is so much quicker: a GPU's window is a thousand texts
                rows, tokens = stop - start, lengths[stop - 1]
                cost = cost_of_rows(rows, tokens, span)
            else:
                rows, tokens, cost = rows_for(before, start, stop, row_tokens, span)
            if rows * tokens > max_tokens and stop - start > 1:
                break
            if least[start] + cost + run_tokens < least[stop]:
                least[stop] = least[start] + cost + run_tokens
                begins[stop] = start
    stop = n
    while begins[stop] > seed:
        stop = begins[stop]
    return int(begins[stop]), int(stop)
