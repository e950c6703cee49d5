"""Choosing topics and numbers by planted changes, on the fit users alone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from service.calibration.fuse import LAST, TREES, Planted, fuse
from service.calibration.population import Population, View, view_to_come
from service.calibration.topics import Fitted, fit_topics
from service.detection.bayes import BayesParams
from service.detection.evidence import LOG_ODDS
from service.detection.fusion import Fusion
from service.detection.state import layout
from service.evaluation.measures import SHARES, WITHIN, delays, threshold_at
from service.evaluation.streams import Stream, drifting, plant

Progress = Callable[[str], None]
MOST_BEHAVIORS = 240_000
"""Of the untouched histories that the choice looks at."""
MOST_DRIFTS, MOST_PLANTED = 200, 1_000
"""Histories that drift, in either order, and planted changes of each kind, at most."""
TREES_TO_CHOOSE = 40
"""Of the fusions that choices are compared by."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One choice of topics and numbers.

    Attributes:
        topics: K.
        temperature: tau.
        mix: how much the directions that set categories apart count.
        nearest: m.
        by_category: whether each topic lies within one category.
        params: alpha, beta, lambda, h and R.
    """

    topics: int
    temperature: float
    mix: float
    nearest: int = 5
    by_category: bool = False
    params: BayesParams = field(default_factory=BayesParams)


@dataclass(frozen=True, slots=True)
class Trial:
    """What a choice found.

    Attributes:
        choice: what was tried.
        found: share of planted changes found within 20 behaviours, mean over kinds, folds and `SHARES`.
        bayes_alone: the same by the log-odds of `bayes` without the fusion.
    """

    choice: Choice
    found: float
    bayes_alone: float


CATEGORISED = (
    Choice(100, 0.1, 0.5, by_category=True),
    Choice(100, 0.05, 0.5, by_category=True),
    Choice(100, 0.05, 0.9, by_category=True),
    Choice(400, 0.05, 0.5, by_category=True),
    Choice(400, 0.05, 0.5),
    Choice(400, 0.05, 0.0),
)
UNCATEGORISED = (Choice(50, 0.1, 0.0), Choice(100, 0.1, 0.0), Choice(200, 0.05, 0.0), Choice(400, 0.05, 0.0))
"""Choices of topics, with categories and without."""


def usual_choice(population: Population) -> Choice:
    """Where nothing is tried: the first of the choices that are for such a population."""
    choice = (CATEGORISED if population.categorised else UNCATEGORISED)[0]
    memory = layout(population.vectors.shape[1], choice.topics, choice.nearest).assignments
    return replace(choice, params=replace(choice.params, memory=memory))


def variations(choice: Choice) -> list[Choice]:
    """One number changed at a time."""
    numbers = choice.params
    return [
        replace(choice, nearest=3),
        replace(choice, temperature=choice.temperature * 2),
        replace(choice, params=replace(numbers, beta=0.5)),
        replace(choice, params=replace(numbers, recent=15)),
    ]


def learn(
    seen: View,
    streams: Sequence[Stream],
    figures: Sequence[NDArray[np.float32]],
    *,
    rng: np.random.Generator,
    seed: int,
    trees: int = TREES,
) -> Fusion:
    """The fusion that untouched histories teach: themselves, changes planted in them, and slow changes, which are none.

    Args:
        seen: the texts' topics, and the numbers.
        streams: untouched histories.
        figures: their evidence, where it is known already.
        rng: of the planting.
        seed: of the sampling.
        trees: how many; fewer are quicker.
    """
    planted = [[_around(seen, s) for s in kind[:MOST_PLANTED]] for kind in plant(streams, rng).values()]
    mixed = [stream.take(rng.permutation(len(stream))) for stream in streams]  # drift alone, without bursts
    slow = seen.figures([one for some in (streams, mixed) for one in drifting(some, rng)[:MOST_DRIFTS]])
    return fuse(figures, slow, planted, prior=prior_of(seen.params), trees=trees, seed=seed)


def prior_of(params: BayesParams) -> float:
    """Probability of a change within the last behaviours, from the hazard."""
    return float(1.0 - (1.0 - params.hazard) ** LAST)


def _around(seen: View, stream: Stream) -> Planted:
    if stream.change is None:
        raise ValueError("a history without a planted change")
    return Planted(seen.evidence(stream)[0].astype(np.float32), stream.change)


def try_choice(
    population: Population, choice: Choice, folds: Sequence[Sequence[Stream]], *, new: float, seed: int
) -> Trial:
    """How well a choice finds the planted changes of users that its fusion has not seen.

    Args:
        population: for the texts.
        choice: what to try.
        folds: two parts of the users; each is judged by what the other taught.
        new: see `view_to_come`.
        seed: of everything random.
    """
    seen = view_to_come(population, topics_of(population, choice, seed), choice.params, new=new, seed=seed)
    rng = np.random.default_rng(seed)
    figures = [seen.figures(fold) for fold in folds]
    fused, alone = list[float](), list[float]()
    for teach, judge in ((0, 1), (1, 0)):
        fusion = learn(seen, folds[teach], figures[teach], rng=rng, seed=seed, trees=TREES_TO_CHOOSE)
        planted = {kind: some[:MOST_PLANTED] for kind, some in plant(folds[judge], rng).items()}
        fused.append(_found(seen, figures[judge], planted, fusion))
        alone.append(_found(seen, figures[judge], planted, None))
    return Trial(choice, float(np.mean(fused)), float(np.mean(alone)))


def topics_of(population: Population, choice: Choice, seed: int) -> Fitted:
    """The topics of a choice."""
    return fit_topics(
        population.vectors,
        population.occurrences(),
        population.categories(),
        topics=choice.topics,
        temperature=choice.temperature,
        mix=choice.mix,
        nearest=choice.nearest,
        by_category=choice.by_category,
        seed=seed,
    )


def verdicts(figures: Sequence[NDArray[np.float32]], fusion: Fusion | None) -> list[NDArray[np.float64]]:
    """The log-odds after each behaviour, from the evidence; without a fusion those of `bayes`."""
    return [fusion.log_odds(f.astype(np.float64)) if fusion else f[:, LOG_ODDS].astype(np.float64) for f in figures]


def _found(
    seen: View, calm: Sequence[NDArray[np.float32]], planted: dict[str, list[Stream]], fusion: Fusion | None
) -> float:
    untouched, found = verdicts(calm, fusion), list[float]()
    for kind in planted.values():
        series, changes = verdicts(seen.figures(kind), fusion), [s.change or 0 for s in kind]
        found += [float(np.mean(delays(series, changes, threshold_at(untouched, s)) <= WITHIN)) for s in SHARES]
    return float(np.mean(found))


def search(
    population: Population, streams: Sequence[Stream], *, memory: int, new: float, seed: int, progress: Progress
) -> tuple[Choice, list[Trial]]:
    """The choice that finds most, and all that were tried.

    Args:
        population: for the texts.
        streams: the fit users' histories; about the first `MOST_BEHAVIORS` behaviours of them are looked at.
        memory: L of the state.
        new: see `view_to_come`.
        seed: of everything random.
        progress: told what is being tried.
    """
    enough = np.cumsum([len(stream) for stream in streams]) <= MOST_BEHAVIORS
    sample = [stream for stream, wanted in zip(streams, enough, strict=True) if wanted] or list(streams[:1])
    attempt = partial(try_choice, population, folds=(sample[::2], sample[1::2]), new=new, seed=seed)
    trials = list[Trial]()

    def best_of(choices: Sequence[Choice]) -> Choice:
        for choice in choices:
            where = " by category" if choice.by_category else ""
            progress(f"{choice.topics} topics{where}, tau {choice.temperature:g}, mix {choice.mix:g}")
            trials.append(attempt(choice))
        return max(trials, key=lambda trial: trial.found).choice

    ladder = CATEGORISED if population.categorised else UNCATEGORISED
    best = best_of([replace(choice, params=replace(choice.params, memory=memory)) for choice in ladder])
    return best_of(variations(best)), trials
