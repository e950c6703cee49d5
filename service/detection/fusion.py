"""One verdict from many figures: boosted trees over the evidence.

The log-odds of `bayes` alone leave much unused: whether anything of the old interest still occurs, whether the new one
hangs together, and whether this user is always so scattered. Calibration plants changes in the operator's own histories
and learns how far each figure speaks for a change, with gradient-boosted trees (Friedman, 2001) whose figures may move
the verdict only the way that their meaning allows. The sum of the leaves, scaled so that it is the log-odds of an alarm
at that level being a true one (`calibration.calibrate.as_odds_of_alarms`), is what the threshold is compared with.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.detection import kernels


@dataclass(frozen=True, slots=True)
class Fusion:
    """Trees as flat arrays of nodes; a tree's nodes follow its root.

    Attributes:
        feature: (nodes,) int16, which figure a node asks; -1 for a leaf.
        threshold: (nodes,) float64, left where the figure is at most this.
        left: (nodes,) int32.
        right: (nodes,) int32.
        value: (nodes,) float64, what a leaf adds.
        roots: (trees,) int32.
        scale: of the sum.
        offset: added to the scaled sum.
    """

    feature: NDArray[np.int16]
    threshold: NDArray[np.float64]
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    value: NDArray[np.float64]
    roots: NDArray[np.int32]
    scale: float
    offset: float

    def log_odds(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Log-odds (n,) of a recent change, from figures (n, features) in the order of `evidence.FEATURES`."""
        total = kernels.verdicts(features, self.feature, self.threshold, self.left, self.right, self.value, self.roots)
        return self.scale * total + self.offset
