"""What a behaviour of a log weighs: what the log says, or what its type weighs in the settings."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from service.logs.errors import LogError
from service.logs.history import History


def weights_of(history: History, types: Mapping[str, float], path: Path) -> NDArray[np.float32]:
    """The weights (n,) of a history, by the rule of `POST /detect`.

    Args:
        history: of one user.
        types: weights by type.
        path: of the log, for the message.

    Raises:
        LogError: a type that has no weight, in a row that gives none.
    """
    out = np.empty(len(history.texts), np.float32)
    for at, (kind, weight) in enumerate(zip(history.types, history.weights, strict=True)):
        if weight is None and kind not in types:
            raise LogError(
                f"{path}, row {history.rows[at]}: type is {kind!r}, which has no weight; use one of "
                f"{', '.join(types)}, or give the row a weight, or add the type to SWERVE_BEHAVIOR_WEIGHTS"
            )
        out[at] = types[kind] if weight is None else weight
    return out
