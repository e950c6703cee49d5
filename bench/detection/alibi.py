"""alibi-detect's online MMD detector as a statistic over users' streams, run in an environment of its own.

    python -P bench/detection/alibi.py IN.npz OUT.npz

IN.npz holds `vectors` (N, dim) float32, the users' streams one after the other, and `offsets` (users + 1,), where each
begins and the last ends. OUT.npz holds two (N,) float64, both minus infinity where the detector cannot judge:

- `statistic`, the squared MMD between the reference and the newest 10 behaviours;
- `excess`, that less the user's own threshold, which the detector takes from resampling the user's reference.

The reference is a user's first 25 behaviours, and fixed. The detector sets 19 of them aside, as its method demands: the
newest window is compared with 6 of them, and is filled with 10 others before it has seen 10 behaviours. It cannot judge
a user whose reference mostly repeats one vector, for then its kernel has no width.

Only the statistic is wanted, so its thresholds need little care: the expected run-time that they are made for is
short, because the detector wants more resamples than that, and resampling is what takes time. They decide only how
untypical the split of the reference may be. Every user has a seed of its own, so results do not depend on who else is
in the file.

alibi-detect 0.13.0 is under the Business Source License 1.1 (its metadata; Apache 2.0 four years after each release),
which grants no production use: it is measured here and no part of the product. It needs numpy before 2. Versions:
`alibi-requirements.txt`.

Source: Cobb, Van Looveren and Klaise (2022), "Sequential Multivariate Change Detection with Calibrated and Memoryless
False Detection Rates".
"""

import argparse
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from alibi_detect.cd import MMDDriftOnline
from numpy.typing import NDArray

REFERENCE, WINDOW = 25, 10
"""Behaviours."""
EXPECTED_RUN_TIME, RESAMPLES = 20.0, 100


def score(vectors: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Statistic and excess of one user's (n, dim) stream, each (n,)."""
    statistic, excess = np.full((2, len(vectors)), -np.inf)
    reference, rest = vectors[:REFERENCE], vectors[REFERENCE:]
    if not len(rest) or not _has_width(reference):
        return statistic, excess
    detector = MMDDriftOnline(
        reference,
        ert=EXPECTED_RUN_TIME,
        window_size=WINDOW,
        backend="pytorch",
        n_bootstraps=RESAMPLES,
        device="cpu",
        verbose=False,
    )
    for t, vector in enumerate(rest, REFERENCE):
        answer = detector.predict(vector)["data"]
        statistic[t] = answer["test_stat"]
        excess[t] = answer["test_stat"] - float(answer["threshold"])
    return statistic, excess


def _has_width(reference: NDArray[np.float32]) -> bool:
    """Whether most pairs of the reference differ."""
    one, other = np.triu_indices(len(reference), 1)
    equal = (reference[one] == reference[other]).all(axis=1)
    return bool(equal.mean() < 0.5)


def main() -> None:
    """Score every user of the file."""
    parser = argparse.ArgumentParser(description="Score users' streams by alibi-detect's online MMD.")
    parser.add_argument("streams", type=Path)
    parser.add_argument("scores", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with np.load(arguments.streams) as streams:
        vectors, offsets = streams["vectors"], streams["offsets"]
    scores = []
    for user, (start, stop) in enumerate(pairwise(offsets)):
        torch.manual_seed(user)
        scores.append(score(vectors[start:stop]))
    statistic, excess = np.concatenate(scores, axis=1)
    np.savez(arguments.scores, statistic=statistic, excess=excess)


if __name__ == "__main__":
    main()
