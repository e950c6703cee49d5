"""How near an item is to single behaviours: a normalised kernel, so that several interests are kept apart.

A user is a mixture of interests, and the mean of two of them is neither. So an item is not compared with a mean but
with every behaviour that is kept, and the similarities are added up:

    score(x) = sum_j m(j) K(x, v_j) / Z_j,    K(x, v) = exp((cos(x, v) - 1) / tau),    Z_j = E_x K(x, v_j)

which is a kernel density estimate (Parzen, 1962) of what the user turns to next, with weights m of the memory. Z_j, the
mean over a sample of the catalogue by its prior (see `prior.py`), makes each behaviour's kernel a density relative to
that prior: without it, behaviours in crowded places would speak loudest.
"""

import numpy as np
from numpy.typing import NDArray

from service.vectors import Vectors

TEMPERATURE = 0.125
"""tau; a cosine 0.1 lower counts not quite half."""
SMALLEST = 1e-12

Kernel = NDArray[np.float32]


def kernel(items: Vectors, behaviors: Vectors, temperature: float = TEMPERATURE) -> Kernel:
    """K of every pair, 0 to 1.

    Args:
        items: (c, dim) unit vectors.
        behaviors: (n, dim) unit vectors.
        temperature: tau.

    Returns:
        (c, n) float32.

    >>> float(kernel(np.eye(2, dtype=np.float32), np.eye(2, dtype=np.float32))[0, 0])
    1.0
    """
    cosines: Kernel = items @ behaviors.T
    cosines -= 1.0
    cosines *= np.float32(1.0 / temperature)
    np.exp(cosines, out=cosines)
    return cosines


def normalizers(behaviors: Vectors, sample: Vectors, weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Z of each behaviour: (n,) float32; ones without a sample.

    Args:
        behaviors: (n, dim) unit vectors.
        sample: (s, dim) unit vectors of items of the catalogue.
        weights: (s,) of each for the mean: its prior, by how many items it stands for. They add up to 1.
    """
    if not len(sample):
        return np.ones(len(behaviors), np.float32)
    means: NDArray[np.float32] = weights @ kernel(sample, behaviors)
    return np.maximum(means, np.float32(SMALLEST))
