"""Where to look for candidates: the few behaviours that stand best for the whole memory.

The index of neighbours is asked for what is near to single vectors, and each question costs time. Behaviours are
chosen greedily, each the one whose kernel covers most of the memory that those before it do not, which is within
1 - 1/e of the best choice (Nemhauser, Wolsey and Fisher, 1978, for submodular functions: it is facility location).

>>> import numpy as np
>>> likeness = np.array([[1, 0.9, 0], [0.9, 1, 0], [0, 0, 1]])
>>> probes(likeness, np.array([0.4, 0.3, 0.3]), 2).tolist()
[0, 2]
"""

import numpy as np
from numpy.typing import NDArray

from service.policy.kernel import kernel
from service.vectors import Vectors

WIDER = 0.2
"""Temperature of the step towards the middle: wide enough that neighbours take part."""


def middles(vectors: Vectors, memory: NDArray[np.floating], chosen: NDArray[np.int64]) -> Vectors:
    """The middle of what is around each chosen behaviour: one step of mean shift (Cheng, 1995).

    What is near to several behaviours at once is found better from there than from any one of them.

    Args:
        vectors: (n, dim) unit vectors.
        memory: (n,) how much each behaviour counts.
        chosen: (q,) places of behaviours that count.

    Returns:
        (q, dim) unit vectors.
    """
    around = (kernel(vectors[chosen], vectors, temperature=WIDER) * memory.astype(np.float32)) @ vectors
    return np.asarray(around / np.linalg.norm(around, axis=1, keepdims=True), np.float32)


def probes(likeness: NDArray[np.floating], memory: NDArray[np.floating], most: int) -> NDArray[np.int64]:
    """Places of the behaviours chosen, the one that covers most first.

    Args:
        likeness: (n, n) K of each pair, 0 to 1, ones on the diagonal.
        memory: (n,) how much each behaviour counts.
        most: how many at most; fewer where they cover everything that counts.
    """
    covered = np.zeros(len(memory))
    chosen: list[int] = []
    while len(chosen) < most:
        gains = memory @ np.maximum(likeness - covered[:, None], 0.0)
        best = int(np.argmax(gains)) if len(gains) else 0
        if not len(gains) or gains[best] <= 0.0:
            break
        chosen.append(best)
        covered = np.maximum(covered, likeness[:, best])
    return np.array(chosen, np.int64)
