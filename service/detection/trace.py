"""The evidence after every behaviour of a whole history, with nothing ever declared.

What the detector computes for a user who never changes: calibration and evaluation look at millions of behaviours.
"""

import numpy as np
from numpy.typing import NDArray

from service.detection import bayes, evidence
from service.detection.bayes import BayesParams
from service.detection.judge import judge
from service.detection.topics import Assignment, Topics


def trace(
    params: BayesParams, topics: Topics, behaviors: Assignment, weights: NDArray[np.float32]
) -> tuple[NDArray[np.float64], float]:
    """All figures of a history.

    Args:
        params: the model's numbers, `memory` included.
        topics: of the population.
        behaviors: n behaviours' topics, oldest first.
        weights: (n,), of the behaviours.

    Returns:
        (n, len(FEATURES)), and the log-likelihood of the history relative to the background's, in nats.
    """
    judged = judge(
        params,
        topics,
        bayes.empty(len(topics.background), behaviors.topics.shape[1]),
        evidence.empty(),
        behaviors,
        weights.astype(np.float64),
        fusion=None,
        figures=True,
    )
    return judged.figures, judged.log_likelihood
