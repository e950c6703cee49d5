"""What goes to the training and what comes back, as files of arrays. Needs numpy alone, so either side can read it.

Items are whole numbers from 0, the same on both sides; a history is an array of them, oldest first.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Items = NDArray[np.int64]
Ranks = NDArray[np.float64]
UNKNOWN = np.inf
"""Rank of an item that nobody had whom the model was trained on: a model of item ids cannot rank it."""


@dataclass(frozen=True, slots=True)
class Work:
    """What a model is trained on, and where it is asked.

    Attributes:
        fit: histories of the fit users.
        held: histories of the held-out users.
        targets: (n, 2) int64: which held-out history, and the position in it of the behaviour to foretell from those
            before it; in ascending order.
    """

    fit: Sequence[Items]
    held: Sequence[Items]
    targets: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of it.

    Attributes:
        ranks: (n,) float64, of each target among the items that the model knows and the user had not yet had, from 0;
            `UNKNOWN` where it does not know the target itself.
        popular: (n,) float64, the same by the number of fit users who had the item.
        told: settings, versions, what was tried and how it went; ready for JSON.
    """

    ranks: Ranks
    popular: Ranks
    told: dict[str, Any]


def write_work(work: Work, path: Path) -> None:
    """One compressed file of arrays."""
    fit, fit_bounds = _joined(work.fit)
    held, held_bounds = _joined(work.held)
    np.savez_compressed(path, fit=fit, fit_bounds=fit_bounds, held=held, held_bounds=held_bounds, targets=work.targets)


def read_work(path: Path) -> Work:
    """What `write_work` wrote."""
    with np.load(path) as held:
        return Work(_apart(held["fit"], held["fit_bounds"]), _apart(held["held"], held["held_bounds"]), held["targets"])


def write_answer(answer: Answer, path: Path) -> None:
    """One compressed file of arrays, with the text among them."""
    np.savez_compressed(path, ranks=answer.ranks, popular=answer.popular, told=np.array(json.dumps(answer.told)))


def read_answer(path: Path) -> Answer:
    """What `write_answer` wrote."""
    with np.load(path) as held:
        return Answer(held["ranks"], held["popular"], json.loads(str(held["told"])))


def digest(*arrays: NDArray[np.int64]) -> str:
    """Of what the arrays hold: the same for the same numbers, anywhere."""
    told = hashlib.sha256()
    for array in arrays:
        told.update(f"{array.shape}".encode())
        told.update(np.ascontiguousarray(array, "<i8").tobytes())
    return told.hexdigest()


def _joined(histories: Sequence[Items]) -> tuple[Items, NDArray[np.int64]]:
    """All of them one after the other, and where each begins and the last ends."""
    bounds = np.cumsum([0, *map(len, histories)])
    return np.concatenate([np.empty(0, np.int64), *histories]), bounds


def _apart(items: Items, bounds: NDArray[np.int64]) -> list[Items]:
    return np.split(items, bounds[1:-1]) if len(bounds) > 1 else []
