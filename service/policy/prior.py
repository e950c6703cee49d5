"""What anybody may turn to next: the domain's prior over its items.

    prior(x) ~ (n_x + 1)^0.75

with n_x the users who had to do with x lately. The exponent below 1 keeps the few most popular items from drowning all
others, as in the noise distribution of word2vec (Mikolov et al., 2013, "Distributed representations of words and
phrases"); 1 is added so that a new item is possible. Behaviours' kernels are made densities relative to this prior (see
`kernel.py`), so that prior times density is the probability of an item, and the expert `domain`, whose density is 1
everywhere, is the prior itself: how far a user is followed rather than the crowd is learnt like everything else.
"""

import numpy as np
from numpy.typing import NDArray

EXPONENT = 0.75


def prior(users: NDArray[np.integer] | NDArray[np.floating]) -> NDArray[np.float32]:
    """(c,) float32, not normalised.

    Args:
        users: (c,) how many had to do with each item.

    >>> prior(np.array([0, 15])).tolist()
    [1.0, 8.0]
    """
    return ((users + 1.0) ** EXPONENT).astype(np.float32)
