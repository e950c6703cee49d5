"""Numbers of the change-point model by predictive likelihood."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from service.calibration.population import View
from service.detection.bayes import BayesParams
from service.evaluation.streams import Stream

LADDERS: dict[str, tuple[float, ...]] = {
    "alpha": (1.0, 3.0, 10.0, 30.0, 100.0),
    "hazard": (1 / 500, 1 / 200, 1 / 100),
    "forget": (1.0, 0.995, 0.98),
}
"""What is tried of each number, one after the other."""
MOST_BEHAVIORS = 30_000
"""Enough to tell the values apart, and a few seconds."""


@dataclass(frozen=True, slots=True)
class Tried:
    """Numbers and the log-likelihood a behaviour, relative to the background's, in nats."""

    params: BayesParams
    log_likelihood: float


def choose_numbers(seen: View, streams: Sequence[Stream]) -> tuple[BayesParams, list[Tried]]:
    """Numbers under which users' next behaviours are predicted best, one number at a time.

    Without tempering (beta 1), which would make it no likelihood.

    Args:
        seen: the texts' topics, and the numbers to begin with.
        streams: histories to predict; about the first `MOST_BEHAVIORS` behaviours of them are.
    """
    sample = list(_first(streams, MOST_BEHAVIORS))
    behaviors = sum(map(len, sample))

    def likelihood(params: BayesParams) -> float:
        return sum(replace(seen, params=params).evidence(stream)[1] for stream in sample) / behaviors

    best = Tried(seen.params, likelihood(seen.params))
    tried = [best]
    for name, ladder in LADDERS.items():
        for value in ladder:
            params = replace(best.params, **{name: value})  # type: ignore[arg-type]  # all three are floats
            if params != best.params:
                tried.append(Tried(params, likelihood(params)))
        best = max(tried, key=lambda one: one.log_likelihood)
    return best.params, tried


def _first(streams: Sequence[Stream], behaviors: int) -> Iterator[Stream]:
    left = behaviors
    for stream in streams:
        if left <= 0:
            return
        yield stream
        left -= len(stream)
