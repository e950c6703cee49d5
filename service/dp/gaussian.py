"""Discrete Gaussian noise, drawn by whole numbers alone.

Adding floats that look Gaussian is not private: the numbers that a float sum can take give away what was summed
(Mironov 2012, "On Significance of the Least Significant Bits for Differential Privacy"). Whole numbers have no such
holes: every sum is possible whatever was summed.
"""

import secrets
from bisect import bisect_right
from collections.abc import Callable
from decimal import Context, Decimal
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

Source = Callable[[int], bytes]
"""So many random bytes."""

REACH = 18
"""Standard deviations beyond which nothing is drawn: as much as lies there, less than 10^-71, is moved inside."""
WORD_BYTES, WORDS = 8, 4
DRAW_BYTES = WORD_BYTES * WORDS
"""Random bytes of one draw: probabilities are kept to 2^-256."""
FRACTION_BITS = 320
"""Of the fixed-point weights; what rounding adds up to over a table of 2^20 is below 2^-256."""
DIGITS = 120


class DiscreteGaussian:
    """Whole numbers k with probability proportional to exp(-k^2 / (2 s^2)).

    Such noise on whole numbers at Euclidean distance D gives rho-zCDP with rho = D^2 / (2 s^2), exactly as continuous
    noise does (Canonne, Kamath & Steinke 2020, "The Discrete Gaussian for Differential Privacy", theorem 14 and
    proposition 5). A draw inverts the cumulative distribution, kept to 256 bits, at a uniform number of 256 bits: its
    total-variation distance from the true distribution is below 10^-70.

    Args:
        deviation: s, in steps; a tenth at least.

    >>> DiscreteGaussian(3.0).draw(8, np.random.default_rng(2).bytes)
    array([-3, -4, -2,  0,  0, -1,  3,  3])
    """

    def __init__(self, deviation: float) -> None:
        self.deviation = deviation
        self._table = np.frombuffer(_thresholds(deviation), np.uint8).reshape(-1, DRAW_BYTES)
        self._first_words = _first_words(self._table)

    def draw(self, count: int, source: Source = secrets.token_bytes) -> NDArray[np.int64]:
        """So many independent draws: (count,) int64.

        Args:
            count: how many.
            source: of random bytes; the system's own, unless somebody wants the same again.
        """
        uniform = np.frombuffer(source(count * DRAW_BYTES), np.uint8).reshape(count, DRAW_BYTES)
        negative = np.unpackbits(np.frombuffer(source((count + 7) // 8), np.uint8))[:count]
        magnitudes = self._magnitudes(uniform)
        return np.where(negative, -magnitudes, magnitudes)

    def probabilities(self) -> NDArray[np.float64]:
        """Of each magnitude from 0: what a draw has, to a float's precision."""
        held = [int.from_bytes(row.tobytes(), "big") for row in self._table] + [1 << 8 * DRAW_BYTES]
        steps = [high - low for low, high in zip([0, *held[:-1]], held, strict=True)]
        return np.array([step / (1 << 8 * DRAW_BYTES) for step in steps])

    def _magnitudes(self, uniform: NDArray[np.uint8]) -> NDArray[np.int64]:
        """How many thresholds are at most each uniform number: settled by the first words unless they are equal."""
        first = _first_words(uniform)
        low = np.searchsorted(self._first_words, first, side="left")
        high = np.searchsorted(self._first_words, first, side="right")
        found = high.astype(np.int64)
        for row in np.flatnonzero(low != high):
            places = range(low[row], high[row])
            within = bisect_right(places, uniform[row].tobytes(), key=lambda at: self._table[at].tobytes())
            found[row] = low[row] + within
        return found


def _first_words(numbers: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """(n,), the leading 64 bits of big-endian numbers."""
    return np.ascontiguousarray(numbers[:, :WORD_BYTES]).view(">u8")[:, 0].astype(np.uint64)


def _thresholds(deviation: float) -> bytes:
    """The cumulative distribution of the magnitude, big-endian: entry j is P(|k| <= j) in units of 2^-256.

    Raises:
        ValueError: a deviation that is no deviation.
    """
    if not 0.1 <= deviation < np.inf:
        raise ValueError("the standard deviation must be a tenth of a step at least")
    weights = _weights(deviation)
    # Both signs of a magnitude are drawn as one; 0 has only one.
    sums = list(accumulate(weight if at == 0 else 2 * weight for at, weight in enumerate(weights)))
    total = sums.pop()
    return b"".join(((part << 8 * DRAW_BYTES) // total).to_bytes(DRAW_BYTES, "big") for part in sums)


def _weights(deviation: float) -> list[int]:
    """exp(-j^2 / (2 s^2)) for j from 0, in units of 2^-320, each from the one before: w_(j+1) = w_j q^(2j+1)."""
    context = Context(prec=DIGITS)
    exact = Decimal(deviation)
    exponent = context.divide(Decimal(-1), context.multiply(Decimal(2), context.multiply(exact, exact)))
    q = int(context.multiply(context.exp(exponent), Decimal(1 << FRACTION_BITS)))
    square = (q * q) >> FRACTION_BITS
    weight, ratio, weights = 1 << FRACTION_BITS, q, list[int]()
    for _ in range(int(np.ceil(REACH * deviation)) + 1):
        weights.append(weight)
        weight = (weight * ratio) >> FRACTION_BITS
        ratio = (ratio * square) >> FRACTION_BITS
    return weights
