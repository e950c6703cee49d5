"""The interest vectors of many users, exact and with noise, and what can be read off them."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

import numpy as np

from bench.privacy.watch import RULES, cosines
from service.calibration.population import Population
from service.commands.figures import observations
from service.detection.detector import MIN_HISTORY, Params, fold
from service.detection.profile import Profile
from service.detection.rules import Rule
from service.dp.accounting import epsilon_of, make_budget
from service.dp.gaussian import Source
from service.dp.mechanism import LARGEST_DEVIATION, Mechanism
from service.evaluation.compare import interval
from service.evaluation.judges import OURS, ours
from service.evaluation.measures import WITHIN, Floats, delays, found_within, threshold_at
from service.evaluation.streams import Stream
from service.reports import Interval
from service.vectors import Vectors

LEVELS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 256.0, 1024.0, 4096.0)
"""Epsilon of one release. The settings go up to 64 for all of a user's together; beyond, there is little of a promise
left, and the levels are here to show where vectors begin to be of use."""
DELTA = 1e-6
SHARE = 0.05
"""Of untouched users alarmed."""
TOGETHER = 30
"""Releases that are told the epsilon of together."""
AVERAGED = 20
CROWD = 10_000
"""Vectors, each as if of another user, that are averaged for what a crowd has in common."""
SAMPLE = 2000
"""Vectors whose topics are looked up."""
BUDGETS, RELEASES = (1.0, 4.0, 8.0, 16.0, 32.0, 64.0), (1, 10, 30, 100)
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Watched:
    """What somebody who sees one kind of vectors can do with them.

    Attributes:
        name: of the level.
        epsilon: of one release; None for vectors as they are, and for noise alone.
        epsilon_together: of `TOGETHER` releases.
        deviation: of the noise on each component.
        cosine: between a vector that left and the exact one, mean.
        cosine_of_mean: the same of the mean of the newest `AVERAGED` that left.
        cosine_of_crowd: between the mean of `CROWD` vectors that left, each of another snapshot, and their exact mean.
        topics: share of the exact vector's nearest topics that the other one has, too, mean.
        found: share of planted changes found within 20 behaviours, by rule.
    """

    name: str
    epsilon: float | None
    epsilon_together: float | None
    deviation: float | None
    cosine: float
    cosine_of_mean: float
    cosine_of_crowd: float
    topics: float
    found: dict[str, Interval]


def measure(
    population: Population,
    profile: Profile,
    planted: Sequence[Stream],
    *,
    levels: Sequence[float] = LEVELS,
    seed: int,
    progress: Progress,
) -> dict[str, Any]:
    """Everything, ready for JSON.

    Args:
        population: untouched users, and the texts of all.
        profile: of the detector.
        planted: users with a change each.
        levels: epsilons of one release.
        seed: of the noise and the bootstrap.
        progress: told what is going on.
    """
    rng = np.random.default_rng(seed)
    progress("interest vectors of every user")
    calm, changing = (
        [interests(population, profile, stream) for stream in streams] for streams in (population.streams, planted)
    )
    changes = [stream.change or 0 for stream in planted]
    read = _Reader(profile, calm, changing, changes, rng)
    watched = [read(None, "exact vectors", lambda exact: exact)]
    for epsilon in levels:
        progress(f"epsilon {epsilon:g} a release")
        mechanism = Mechanism(deviation_at(epsilon))
        watched.append(read(mechanism.deviation, f"ε = {epsilon:g}", _noising(mechanism, rng.bytes), epsilon))
    progress("noise alone")
    nothing = Mechanism(1.0)
    watched.append(read(None, "noise alone", lambda exact: _noising(nothing, rng.bytes)(np.zeros_like(exact))))
    judge = ours(population, profile)[OURS]
    return {
        "users": {"untouched": len(calm), "changing": len(changing)},
        "vectors": int(sum(map(len, calm)) + sum(map(len, changing))),
        "texts": len(population.texts),
        "crowd": len(read.crowd),
        "delta": DELTA,
        "share_alarmed": SHARE,
        "inside": asdict(_found([judge(s) for s in population.streams], [judge(s) for s in planted], changes, rng)),
        "watched": [asdict(one) for one in watched],
        "settings": budgets(),
    }


def interests(population: Population, profile: Profile, stream: Stream) -> Vectors:
    """A user's z after each behaviour (n, dim), as the service has it: a declared change begins a new one."""
    params = Params(population.vectors.shape[1], profile)
    _, results = fold(params, params.empty(), observations(population, None, stream), Rule())
    return np.stack([result.z for result in results])


def deviation_at(epsilon: float) -> float:
    """Of the noise on each component at which one release costs that much."""
    return make_budget(epsilon=epsilon, delta=DELTA, releases=1, period=timedelta(days=1)).deviation


def budgets() -> list[dict[str, float | int | None]]:
    """The noise that comes of each pair of settings; None where the service refuses to start."""
    told = []
    for epsilon in BUDGETS:
        for releases in RELEASES:
            made = make_budget(epsilon=epsilon, delta=DELTA, releases=releases, period=timedelta(days=30))
            deviation = made.deviation if made.deviation <= LARGEST_DEVIATION else None
            told.append({"epsilon": epsilon, "releases": releases, "deviation": deviation})
    return told


def _noising(mechanism: Mechanism, source: Source) -> Callable[[Vectors], Vectors]:
    return lambda exact: np.stack([mechanism.release(z, source) for z in exact])


class _Reader:
    """Reads the vectors of one level after the other."""

    def __init__(
        self,
        profile: Profile,
        calm: Sequence[Vectors],
        changing: Sequence[Vectors],
        changes: Sequence[int],
        rng: np.random.Generator,
    ) -> None:
        self.profile = profile
        self.calm = calm
        self.changing = changing
        self.changes = changes
        self.rng = rng
        rows = [(user, at) for user, vectors in enumerate(calm) for at in range(MIN_HISTORY, len(vectors))]
        order = [rows[row] for row in rng.permutation(len(rows))]
        self.sample, self.crowd = order[:SAMPLE], order[:CROWD]
        self.topics = self._topics(_at(self.sample, calm))

    def __call__(
        self,
        deviation: float | None,
        name: str,
        told: Callable[[Vectors], Vectors],
        epsilon: float | None = None,
    ) -> Watched:
        calm, changing = ([told(vectors) for vectors in those] for those in (self.calm, self.changing))
        exact, seen = _at(self.sample, self.calm), _at(self.sample, calm)
        crowds = [
            _at(self.crowd, vectors).mean(axis=0, keepdims=True, dtype=np.float64) for vectors in (self.calm, calm)
        ]
        averaged = np.stack(
            [calm[user][max(at + 1 - AVERAGED, 0) : at + 1].mean(axis=0, dtype=np.float64) for user, at in self.sample]
        )
        shared = [len(np.intersect1d(a, b)) / len(a) for a, b in zip(self.topics, self._topics(seen), strict=True)]
        return Watched(
            name=name,
            epsilon=epsilon,
            epsilon_together=epsilon_of([deviation] * TOGETHER, DELTA) if deviation else None,
            deviation=deviation,
            cosine=float(cosines(exact, seen).mean()),
            cosine_of_mean=float(cosines(exact, averaged).mean()),
            cosine_of_crowd=float(cosines(*crowds)[0]),
            topics=float(np.mean(shared)),
            found={
                rule: _found([of(v) for v in calm], [of(v) for v in changing], self.changes, self.rng)
                for rule, of in RULES.items()
            },
        )

    def _topics(self, vectors: Vectors) -> np.ndarray:
        lengths = np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        return self.profile.assign((vectors / lengths).astype(np.float32)).topics


def _at(places: Sequence[tuple[int, int]], vectors: Sequence[Vectors]) -> Vectors:
    """Of some users at some behaviours: (n, dim)."""
    return np.stack([vectors[user][at] for user, at in places])


def _found(
    calm: Sequence[Floats], changing: Sequence[Floats], changes: Sequence[int], rng: np.random.Generator
) -> Interval:
    threshold = threshold_at(calm, SHARE)
    return interval(found_within(delays(changing, changes, threshold), WITHIN, rng))
