"""Held-out users replayed online: what the service would know of one before each behaviour."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bench.recommend.protocol import History, Ints, targets
from service.detection.detector import Observation, Params, step
from service.detection.profile import Profile
from service.detection.rules import Rule
from service.detection.state import PAST_REGIMES, State
from service.detection.topics import Assignment
from service.policy.memory import NEWEST, OF_EARLIER
from service.policy.posterior import inclusion
from service.vectors import Vectors

KEPT = 128
"""Behaviours that the service keeps of each regime, by default."""
HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Moment:
    """What is kept of a user before one behaviour.

    Attributes:
        position: of that behaviour.
        kept: (n,) positions of the behaviours that are kept, ascending.
        regimes: (n,) number of the regime that each belongs to.
        inclusion: (n,) probability that each belongs to the present regime.
    """

    position: int
    kept: Ints
    regimes: Ints
    inclusion: NDArray[np.float64]


@dataclass(frozen=True)
class Replayed:
    """One user's history and what the detector made of it.

    Attributes:
        history: of the user.
        moments: before each target.
        changes: positions of the first behaviours of new regimes, as the detector dated them.
        fresh: (n,) whether each behaviour was on an item that was new to the user.
    """

    history: History
    moments: list[Moment]
    changes: list[int]
    fresh: NDArray[np.bool_]


def shortened(history: History, most: int) -> History:
    """The first behaviours of a history."""
    return replace(history, stream=history.stream.take(slice(most)), times=history.times[:most])


def replay(
    history: History, vectors: Vectors, profile: Profile, assigned: Assignment, newest: int = NEWEST
) -> Replayed:
    """Run the detector over a history, behaviour by behaviour.

    Args:
        history: of one user.
        vectors: (items, dim) of the catalogue.
        profile: the detector's.
        assigned: the catalogue's topics.
        newest: behaviours looked at whatever their regime.
    """
    items = history.stream.items
    asked = targets(items)
    wanted = set(asked.tolist())
    params, rule = Params(vectors.shape[1], profile), Rule()
    state, moments, changes = params.empty(), list[Moment](), list[int]()
    for at, item in enumerate(items):
        if at in wanted:
            moments.append(moment_of(state, at, newest))
        # An hour apart: neither regimes nor memories go by times.
        seen = Observation(vectors[item], float(history.stream.weights[at]), HOUR * at, assigned.at(item))
        state, result = step(params, state, seen, rule)
        if result.change:
            changes.append(result.change.began)
    fresh = np.zeros(len(items), np.bool_)
    fresh[[0, *asked]] = True
    return Replayed(history, moments, changes, fresh)


def moment_of(state: State, at: int, newest: int) -> Moment:
    """What the service looks at: the newest behaviours, and some of each earlier regime, of those that it keeps.

    Args:
        state: after these behaviours.
        at: how many there are.
        newest: behaviours looked at whatever their regime.
    """
    positions = np.arange(state.known_from, at)
    regimes = state.regimes_at(positions)
    inside = np.zeros(len(positions), np.bool_)
    for number in range(max(state.regime - PAST_REGIMES, 0), state.regime + 1):
        own = np.flatnonzero(regimes == number)[-KEPT:]
        is_new = positions[own] >= at - newest
        inside[own[is_new]] = True
        inside[own[~is_new][-OF_EARLIER:]] = True
    positions, regimes = positions[inside], regimes[inside]
    return Moment(at, positions, regimes, inclusion(state.bayes, at - 1 - positions))
