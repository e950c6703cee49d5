"""Behaviours side by side, as the compiled loops take them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.detection.coded import Coded
from service.detection.topics import Assignment, joined


@dataclass(frozen=True, slots=True)
class Batch:
    """Behaviours of one user, oldest first.

    Attributes:
        codes: (n, dim) int8, their vectors as they are kept: see `Coded`.
        scales: (n,) float32.
        weights: (n,) float64, each at least 0; 1 is an ordinary behaviour.
        times: (n,) float64, seconds since the epoch.
        topics: of each; None without a profile.
    """

    codes: NDArray[np.int8]
    scales: NDArray[np.float32]
    weights: NDArray[np.float64]
    times: NDArray[np.float64]
    topics: Assignment | None

    def __len__(self) -> int:
        return len(self.times)

    def part(self, start: int, stop: int) -> "Batch":
        """Those from `start` up to `stop`."""
        topics = None
        if self.topics is not None:
            topics = Assignment(self.topics.topics[start:stop], self.topics.shares[start:stop])
        return Batch(
            self.codes[start:stop], self.scales[start:stop], self.weights[start:stop], self.times[start:stop], topics
        )


def side_by_side(
    coded: Sequence[Coded], weights: Sequence[float], times: Sequence[float], topics: Sequence[Assignment | None]
) -> Batch:
    """A batch of at least one behaviour, by what is known of each; it has topics if all have."""
    known = [one for one in topics if one is not None]
    return Batch(
        codes=np.stack([one.codes for one in coded]),
        scales=np.array([one.scale for one in coded], np.float32),
        weights=np.array(weights, np.float64),
        times=np.array(times, np.float64),
        topics=joined(known) if len(known) == len(topics) else None,
    )
