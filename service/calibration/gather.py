"""From a log to histories as arrays, as many as fit in memory."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.errors import InputError
from service.evaluation.streams import Stream
from service.logs import History, Log, weights_of

MOST_BEHAVIORS = 400_000
"""More tell a profile nothing new, and would not fit in memory everywhere."""
FEWEST_BEHAVIORS = 20
"""Of a user: shorter histories leave no room on both sides of a change."""
LATEST = 0.1
"""Part of a log's behaviours that is looked at for new texts."""


@dataclass(frozen=True)
class Gathered:
    """Histories over distinct texts.

    Attributes:
        texts: the distinct texts.
        streams: the histories.
        first: time of the earliest behaviour, RFC 3339.
        last: time of the latest.
        users: of the whole log.
        behaviors: of the whole log.
        new_texts: the share of the latest tenth of these behaviours about texts that came up in it for the first time,
            which is about what behaviours after the log will bring; None where all are of one time.
    """

    texts: list[str]
    streams: list[Stream]
    first: str
    last: str
    users: int
    behaviors: int
    new_texts: float | None


class TooFewUsersError(InputError):
    """No user, or too few, with enough behaviours; the message says how many and what to do."""


def gather(
    log: Log,
    types: Mapping[str, float],
    *,
    fewest_behaviors: int = FEWEST_BEHAVIORS,
    most_behaviors: int = MOST_BEHAVIORS,
    fewest_users: int = 1,
    seed: int = 0,
) -> Gathered:
    """Users' histories; of a log with more behaviours than wanted, those of users drawn at random.

    Args:
        log: read already.
        types: weights by type of behaviour.
        fewest_behaviors: of a user.
        most_behaviors: of all users together.
        fewest_users: without as many there is nothing to do.
        seed: of the drawing.

    Raises:
        LogError: a type without a weight.
        TooFewUsersError: with enough behaviours.
    """
    lengths = np.array([len(history.texts) for history in log.histories()])
    wanted = _draw(lengths, fewest_behaviors, most_behaviors, seed)
    if wanted.sum() < fewest_users:
        raise TooFewUsersError(
            f"{log.path}: {wanted.sum()} of {len(lengths)} users have {fewest_behaviors} behaviours or more, "
            f"{fewest_users} are needed; give a longer log"
        )
    rows: dict[str, int] = {}
    names: dict[str, int] = {}
    streams, times, ends = list[Stream](), list[NDArray[np.float64]](), list[tuple[float, str]]()
    for take, history in zip(wanted, log.histories(), strict=True):
        if take:
            streams.append(_stream(history, weights_of(history, types, log.path), rows, names))
            times.append(history.times)
            ends += [(float(history.times[at]), history.occurred_at[at]) for at in (0, -1)]
    new = _new_texts(np.concatenate([stream.items for stream in streams]), np.concatenate(times))
    return Gathered(list(rows), streams, min(ends)[1], max(ends)[1], log.users, log.rows, new)


def _new_texts(items: NDArray[np.int64], times: NDArray[np.float64]) -> float | None:
    """The share of the latest behaviours about texts that did not come up before those."""
    latest = times >= np.quantile(times, 1.0 - LATEST, method="higher")
    if latest.all():
        return None
    return float(1.0 - np.isin(items[latest], items[~latest]).mean())


def _draw(lengths: NDArray[np.int64], fewest: int, most: int, seed: int) -> NDArray[np.bool_]:
    """Which users are taken: all that are long enough, or as many of them at random as stay within the bound."""
    order = np.random.default_rng(seed).permutation(np.flatnonzero(lengths >= fewest))
    within = np.cumsum(lengths[order]) <= most
    within[:1] = True
    wanted = np.zeros(len(lengths), bool)
    wanted[order[within]] = True
    return wanted


def _stream(history: History, weights: NDArray[np.float32], rows: dict[str, int], names: dict[str, int]) -> Stream:
    """One history, its texts and categories added to those known."""
    items = [rows.setdefault(text, len(rows)) for text in history.texts]
    filed = [-1 if name is None else names.setdefault(name, len(names)) for name in history.categories]
    return Stream(history.user_id, np.array(items), weights, np.array(filed))
