"""Two things measured in turns, and the ratio of each pair: what slows the machine down falls on both."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np

Repetition = Callable[[], float]
"""Does the work once and tells the seconds it took."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """Seconds of two sides, pair by pair.

    Attributes:
        reference: of what is compared with.
        measured: of what is compared.
    """

    reference: tuple[float, ...]
    measured: tuple[float, ...]

    @property
    def ratios(self) -> list[float]:
        """Speed of the measured side in units of the reference, of each pair: above 1 it is the faster one."""
        return [reference / measured for reference, measured in zip(self.reference, self.measured, strict=True)]

    def figures(self, texts: int, tokens: int) -> dict[str, Any]:
        """Ratio and speeds, ready for JSON."""
        ratios = self.ratios
        return {
            "ratio": median(ratios),
            "lowest": min(ratios),
            "highest": max(ratios),
            "ratios": ratios,
            "texts_per_second": texts / median(self.measured),
            "tokens_per_second": tokens / median(self.measured),
            "reference_texts_per_second": texts / median(self.reference),
            "reference_tokens_per_second": tokens / median(self.reference),
        }


def in_pairs(reference: Repetition, measured: Repetition, pairs: int) -> Pairs:
    """Repeat both so many times, side by side; every second pair the other way round, so that order cancels out.

    Example:
        >>> in_pairs(lambda: 3.0, lambda: 4.0, 2).ratios
        [0.75, 0.75]
    """
    return in_turns([reference], [measured], pairs)


def in_turns(references: Sequence[Repetition], measured: Sequence[Repetition], pairs: int) -> Pairs:
    """The same of two things in parts, whose turns alternate: a machine that slows down in between slows down both.

    Args:
        references: the parts of the one.
        measured: as many parts of the other.
        pairs: how often each is repeated as a whole.

    Example:
        >>> in_turns([lambda: 1.0, lambda: 2.0], [lambda: 2.0, lambda: 2.0], 2).ratios
        [0.75, 0.75]
    """
    sums = np.zeros((pairs, 2))
    for pair in range(pairs):
        for part, (one, other) in enumerate(zip(references, measured, strict=True)):
            if (pair + part) % 2 == 0:
                sums[pair] += (one(), other())
            else:
                second = other()
                sums[pair] += (one(), second)
    return Pairs(tuple(sums[:, 0].tolist()), tuple(sums[:, 1].tolist()))


def ratio_cell(figures: dict[str, Any]) -> str:
    """A ratio with the lowest and the highest pair, as the tables show it."""
    return f"{figures['ratio']:.3f} ({figures['lowest']:.3f}–{figures['highest']:.3f})"


def verdict(met: bool) -> str:
    """In words."""
    return "met" if met else "**missed**"


def target_line(target: str, missed: Sequence[str]) -> str:
    """The target, and whether it was met; else by what it was missed."""
    return f"Target: {target}: {verdict(not missed)}{': ' + '; '.join(missed) if missed else ''}."
