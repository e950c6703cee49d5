"""Detectors as statistics over one history: this one, and rules that look at vectors."""

from collections.abc import Callable, Mapping

import numpy as np

from service.calibration.population import Population, view
from service.detection.evidence import LOG_ODDS
from service.detection.profile import Profile
from service.evaluation.baselines import Statistic
from service.evaluation.measures import Floats
from service.evaluation.streams import Stream
from service.vectors import Vectors

Judge = Callable[[Stream], Floats]
"""A detector: a statistic (n,) after each behaviour of a history."""
OURS, ALONE = "Swerve", "Swerve, Bayes alone"


def ours(population: Population, profile: Profile) -> dict[str, Judge]:
    """This detector as it ships, and its Bayesian log-odds without the fusion."""
    seen, fusion = view(population, profile, profile.params), profile.fusion

    def alone(stream: Stream) -> Floats:
        return seen.evidence(stream)[0][:, LOG_ODDS].copy()

    def fused(stream: Stream) -> Floats:
        return fusion.log_odds(seen.evidence(stream)[0]) if fusion else alone(stream)

    return {OURS: fused, ALONE: alone}


def over(vectors: Vectors, statistics: Mapping[str, Statistic]) -> dict[str, Judge]:
    """Rules that look at a history's vectors, by name; behaviours are a second apart."""

    def judge(statistic: Statistic) -> Judge:
        return lambda stream: statistic(vectors[stream.items], np.arange(len(stream), dtype=np.float64))

    return {name: judge(statistic) for name, statistic in statistics.items()}
