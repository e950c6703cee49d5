"""Everything that a report says of a profile, measured on histories that the profile has not seen."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from service.calibration.numbers import Tried
from service.calibration.population import Population, view
from service.calibration.search import Trial, verdicts
from service.detection.detector import Change, Observation, Params, Result, fold
from service.detection.profile import Profile
from service.detection.rules import Rule
from service.detection.topics import Assignment
from service.evaluation.baselines import BASELINES
from service.evaluation.compare import compare, run_lengths
from service.evaluation.judges import ours, over
from service.evaluation.measures import Floats, highest
from service.evaluation.streams import Stream, plant
from service.reports import Declared, Difference, Example, Planted, RunLength, Text, Topic
from service.reports import Trial as Told

TRIVIAL = ("never", "always, on everyone")
"""Rules that a benchmark needs beside it, and a report does not."""
EXAMPLES = 3
TEXTS_A_TOPIC = 3
BECAUSE = 8


@dataclass(frozen=True)
class Measured:
    """What was measured."""

    planted: tuple[Planted, ...]
    run_lengths: tuple[RunLength, ...]
    examples: tuple[Example, ...]


def measure(
    population: Population, profile: Profile, *, seed: int, progress: Callable[[str], None] = lambda _what: None
) -> Measured:
    """Plant changes in histories, and count what is found beside the plain rules.

    Args:
        population: histories that nothing of the profile was fitted to.
        profile: to be measured.
        seed: of the planting and the bootstrap.
        progress: told which detector is at work.
    """
    rng = np.random.default_rng(seed)
    seen = view(population, profile, profile.params)
    untouched, planted = population.streams, plant(population.streams, rng, tries=1)
    calm = verdicts(seen.figures(untouched), profile.fusion)
    ladder = profile.ladder or ((profile.behaviors_per_false_alarm, profile.threshold),)
    rules = {name: rule for name, rule in BASELINES.items() if name not in TRIVIAL}
    judges = ours(population, profile) | over(population.vectors, rules)
    return Measured(
        compare(judges, untouched, planted, rng, progress),
        run_lengths(calm, ladder, rng),
        _examples(population, profile, untouched, calm, planted),
    )


def _examples(
    population: Population,
    profile: Profile,
    untouched: Sequence[Stream],
    calm: Sequence[Floats],
    planted: dict[str, list[Stream]],
) -> tuple[Example, ...]:
    """The users with the strongest evidence of a change of their own, and the first of each planted kind."""
    strongest = np.argsort(-highest(calm), kind="stable")[:EXAMPLES]
    chosen = [(f"user {at + 1}", untouched[at]) for at in strongest]
    chosen += [(f"planted: {kind}", streams[0]) for kind, streams in planted.items()]
    return tuple(_example(population, profile, name, stream) for name, stream in chosen)


def observations(population: Population, assigned: Assignment | None, stream: Stream) -> list[Observation]:
    """A history as the detector takes it, a behaviour an hour; with the texts' topics where they are known already."""
    return [
        Observation(population.vectors[item], float(weight), 3600.0 * at, assigned.at(item) if assigned else None)
        for at, (item, weight) in enumerate(zip(stream.items, stream.weights, strict=True))
    ]


def _example(population: Population, profile: Profile, name: str, stream: Stream) -> Example:
    params = Params(population.vectors.shape[1], profile)
    _, results = fold(params, params.empty(), observations(population, None, stream), Rule())
    texts = [population.texts[item] for item in stream.items]
    return Example(
        user=name,
        log_odds=tuple(float(result.log_odds or 0.0) for result in results),
        threshold=profile.threshold,
        planted=stream.change,
        changes=tuple(_declared(result, result.change, texts) for result in results if result.change),
    )


def _declared(result: Result, change: Change, texts: Sequence[str]) -> Declared:
    because = [c for c in change.contributions if c.position is not None]
    because.sort(key=lambda contribution: -abs(contribution.log_odds))
    return Declared(
        position=result.position,
        began=change.began,
        kind=change.kind,
        log_odds=float(result.log_odds or 0.0),
        because=tuple(
            Text(c.position, texts[c.position], c.log_odds) for c in because[:BECAUSE] if c.position is not None
        ),
        gained=tuple(Difference(topic.label, topic.before, topic.after) for topic in change.gained),
        lost=tuple(Difference(topic.label, topic.before, topic.after) for topic in change.lost),
    )


def topics_of(population: Population, profile: Profile) -> tuple[Topic, ...]:
    """Every topic with its label, its share, and the texts that lie nearest to it."""
    assigned = profile.assign(population.vectors)
    nearest = assigned.topics[:, 0]
    out = []
    for topic in range(profile.topics):
        mine = np.flatnonzero(nearest == topic)
        clearest = mine[np.argsort(-assigned.shares[mine, 0].astype(np.int64), kind="stable")][:TEXTS_A_TOPIC]
        examples = tuple(population.texts[at] for at in clearest)
        out.append(Topic(topic, profile.labels[topic], float(profile.background[topic]), examples))
    return tuple(out)


def trials_of(profile: Profile, trials: Sequence[Trial], likelihoods: Sequence[Tried]) -> tuple[Told, ...]:
    """What was tried, as a report shows it."""
    best = max((trial.found for trial in trials), default=None)
    told = [
        Told(
            f"topics{' within categories' if trial.choice.by_category else ''} and numbers, by planted changes",
            {
                "topics": trial.choice.topics,
                "tau": trial.choice.temperature,
                "mix": trial.choice.mix,
                "m": trial.choice.nearest,
                "beta": trial.choice.params.beta,
                "R": trial.choice.params.recent,
            },
            trial.found,
            None,
            trial.found == best,
        )
        for trial in trials
    ]
    numbers = profile.params
    return (
        *told,
        *(
            Told(
                "numbers, by predictive likelihood",
                {"alpha": tried.params.alpha, "hazard": tried.params.hazard, "lambda": tried.params.forget},
                None,
                tried.log_likelihood,
                (tried.params.alpha, tried.params.hazard, tried.params.forget)
                == (numbers.alpha, numbers.hazard, numbers.forget),
            )
            for tried in likelihoods
        ),
    )
