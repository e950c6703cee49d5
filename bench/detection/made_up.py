"""Users made up from real texts that are filed under subjects."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from service.evaluation.streams import Stream

SUBJECTS_EACH = (2, 6)
NOISE = 0.1
"""Share of a user's behaviours that are about anything at all."""
Random = np.random.Generator


def made_up(
    rng: Random,
    pools: Sequence[NDArray[np.int64]],
    user: str,
    *,
    length: int,
    change: int | None = None,
    sticky: float = 0.0,
) -> Stream:
    """A user with two to six subjects in unequal shares, and with others from `change` on.

    Args:
        rng: of everything.
        pools: the texts of each subject.
        user: name.
        length: behaviours.
        change: position of the first behaviour with other subjects.
        sticky: probability that a behaviour stays with the subject of the one before.
    """
    order = rng.permutation(len(pools))
    first, second = rng.integers(SUBJECTS_EACH[0], SUBJECTS_EACH[1] + 1, size=2)
    subjects = _mixture(rng, len(pools), order[:first], length if change is None else change, sticky)
    if change is not None:
        after = _mixture(rng, len(pools), order[first : first + second], length - change, sticky)
        subjects = np.concatenate([subjects, after])
    items = np.array([rng.choice(pools[subject]) for subject in subjects])
    return Stream(user, items, np.ones(length, np.float32), subjects, change)


def _mixture(rng: Random, subjects: int, mine: NDArray[np.int64], length: int, sticky: float) -> NDArray[np.int64]:
    shares = rng.dirichlet(np.full(len(mine), 2.0))
    drawn = mine[rng.choice(len(mine), length, p=shares)]
    stay = rng.random(length) < sticky
    for at in range(1, length):
        if stay[at]:
            drawn[at] = drawn[at - 1]
    return np.where(rng.random(length) < NOISE, rng.integers(subjects, size=length), drawn)
