"""What anybody may turn to next: the domain's prior over its items.

    prior(x) ~ (n_x + a)^0.75

with n_x the users who had to do with x lately. Of items that are all as popular the counts scatter as Poisson's do;
what they scatter beyond that is genuine. If popularities are distributed as a gamma of shape a, (n_x + a) is up to a
factor the posterior mean of x's popularity, and by the method of moments a = mean^2 / (variance - mean): small where a
few items have most of the users, and large where counts differ by chance alone, which then make no difference. The
exponent below 1 keeps the few most popular items from drowning all others, as in the noise distribution of word2vec
(Mikolov et al., 2013, "Distributed representations of words and phrases").

Behaviours' kernels are made densities relative to this prior (see `kernel.py`), so that prior times density is the
probability of an item, and the expert `domain`, whose density is 1 everywhere, is the prior itself: how far a user is
followed rather than the crowd is learnt like everything else.
"""

import numpy as np
from numpy.typing import NDArray

EXPONENT = 0.75
LEAST, MOST = 1.0, 1e6
"""Of a: an item that nobody had yet is to have a chance, and numbers stay in their range."""

Counts = NDArray[np.integer] | NDArray[np.floating]


def prior(users: Counts, shape: float) -> NDArray[np.float32]:
    """(c,) float32, not normalised.

    Args:
        users: (c,) how many had to do with each item.
        shape: a, of the domain.

    >>> prior(np.array([0, 15]), 1.0).tolist()
    [1.0, 8.0]
    """
    return (((users + shape) / max(shape, 1.0)) ** EXPONENT).astype(np.float32)


def shape_of(users: Counts, stands_for: NDArray[np.floating] | None = None) -> float:
    """a, from how many users had to do with some items of a domain.

    Args:
        users: (c,) of each item.
        stands_for: (c,) how many items of the domain each stands for; all alike without it.

    >>> shape_of(np.array([3, 3, 4, 2])) == MOST, round(shape_of(np.array([90, 3, 0, 0])), 2)
    (True, 1.0)
    """
    if not len(users):
        return MOST
    mean = float(np.average(users, weights=stands_for))
    beyond = float(np.average((users - mean) ** 2, weights=stands_for)) - mean
    return float(np.clip(mean * mean / beyond, LEAST, MOST)) if beyond > 0.0 and mean > 0.0 else MOST
