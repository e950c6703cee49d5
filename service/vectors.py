"""How vectors are calculated with: of texts, of interests, of items."""

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
"""One vector, (d,), or one a row, (n, d)."""
