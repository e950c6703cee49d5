"""From users' histories to a profile."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from service.calibration.numbers import Tried, choose_numbers
from service.calibration.population import Population, view_to_come
from service.calibration.search import (
    Choice,
    Progress,
    Trial,
    learn,
    search,
    topics_of,
    verdicts,
)
from service.calibration.topics import label
from service.detection.bayes import BayesParams
from service.detection.fusion import Fusion
from service.detection.profile import Profile
from service.detection.state import layout
from service.errors import InputError
from service.evaluation.measures import Floats, records, run_length, run_length_line, threshold_for
from service.evaluation.streams import Stream, divide_users
from service.profiles import identify

TEACHING = 0.6
"""Share of the fit users that teach the fusion; the threshold is chosen on the others, whom it has not seen."""
SHORTEST, LONGEST = 100.0, 3_000.0
"""Run lengths between which the log-odds' scale is read off."""
FEWEST_USERS = 20
"""Below which there is nothing to hold out."""


class CalibrationError(InputError):
    """Histories from which no profile can be made; the message says why and what to do."""


@dataclass(frozen=True)
class Calibration:
    """A profile, and how it came about.

    Attributes:
        profile: ready for use.
        choice: of topics and numbers, before those that are chosen by likelihood.
        new_texts: the share of behaviours to come that it counts on to be about new texts.
        trials: choices of topics and numbers by planted changes.
        likelihoods: numbers by predictive likelihood.
    """

    profile: Profile
    choice: Choice
    new_texts: float
    trials: list[Trial]
    likelihoods: list[Tried]


def calibrate(
    population: Population,
    streams: Sequence[Stream],
    *,
    space: str,
    asked: float = 1000.0,
    also: Sequence[float] = (300.0, 1000.0, 3000.0),
    seed: int = 0,
    choice: Choice | None = None,
    new_texts: float | None = None,
    progress: Progress = lambda _what: None,
) -> Calibration:
    """Fit a profile.

    Topics are fitted to the texts; numbers are chosen by predictive likelihood and by planted changes; the fusion
    learns from planted changes; the threshold is chosen on users whom the fusion has not seen. In all of this, as many
    texts are looked at as though the topics had not been fitted to them as behaviours to come will bring new ones.

    Args:
        population: texts, and the histories that topics are fitted to.
        streams: the fit users' histories, the same or some of them.
        space: `ModelInfo.space` of the encoder.
        asked: behaviours per false alarm.
        also: other run lengths to find thresholds for.
        seed: of everything random; the same seed gives the same profile.
        choice: topics and numbers, where they are known already; they are not searched for then.
        new_texts: 0 to 1, the share of behaviours to come about texts that are not among the population's: near 1 for
            news, near 0 in most shops. By default the share about texts that nobody else's behaviours are about.
        progress: told what is going on.

    Raises:
        CalibrationError: too few users.
    """
    if len(streams) < FEWEST_USERS:
        raise CalibrationError(f"{len(streams)} users with enough behaviours, at least {FEWEST_USERS} are needed")
    memory = layout(population.vectors.shape[1], 400, 5).assignments
    trials = list[Trial]()
    new = population.new_texts() if new_texts is None else new_texts
    if choice is None:
        choice, trials = search(population, streams, memory=memory, new=new, seed=seed, progress=progress)
    progress("topics")
    fitted = topics_of(population, choice, seed)
    topics = fitted.topics
    seen = view_to_come(population, fitted, BayesParams(memory=memory), new=new, seed=seed)
    params, likelihoods = choose_numbers(seen, streams)
    params = replace(choice.params, alpha=params.alpha, hazard=params.hazard, forget=params.forget)
    seen = replace(seen, params=params)
    rng = np.random.default_rng(seed)
    progress("fusion")
    teaching, held_out = divide_users(streams, rng, TEACHING)
    fusion = learn(seen, teaching, seen.figures(teaching), rng=rng, seed=seed)
    progress("threshold")
    figures = seen.figures(held_out)
    fusion = as_odds_of_alarms(fusion, verdicts(figures, fusion), params.hazard)
    judged = verdicts(figures, fusion)
    ladder = _ladder(judged, {asked, *also})
    threshold = ladder[asked]
    profile = Profile(
        id="",
        space=space,
        **{item.name: getattr(topics, item.name) for item in fields(topics)},
        labels=label(population.texts, topics.assign(population.vectors).topics[:, 0], len(topics.prototypes)),
        threshold=threshold,
        behaviors_per_false_alarm=round(min(run_length(judged, threshold), 1e9), 1),
        params=params,
        fusion=fusion,
        ladder=tuple((length, ladder[length]) for length in sorted(also)),
    )
    return Calibration(identify(profile), choice, new, trials, likelihoods)


def _ladder(judged: Sequence[Floats], lengths: Iterable[float]) -> dict[float, float]:
    """Thresholds by run length. A longer one never has a lower threshold, though each is chosen for itself."""
    ladder, highest = dict[float, float](), -np.inf
    for length in sorted(lengths):
        highest = max(highest, round(threshold_for(judged, length), 4))
        ladder[length] = highest
    return ladder


def as_odds_of_alarms(fusion: Fusion, judged: Sequence[Floats], hazard: float) -> Fusion:
    """The fusion scaled so that its log-odds are those of an alarm at that level being a true one.

    At a threshold with A behaviours per false alarm there is one false alarm in A behaviours, and, where a new
    interest begins every 1/h behaviours and is found, one true alarm in 1/h. So the odds are h A, and the log-odds
    log h + log A, which for untouched users is close to a line in the sum of the trees. Without enough alarms to see
    the line, the scale stays that of the examples.

    Args:
        fusion: as learnt.
        judged: its log-odds on users whom it has not seen.
        hazard: h.
    """
    line = run_length_line(judged, records(judged), SHORTEST, LONGEST)
    if line is None:
        return fusion
    slope, level = line
    offset = slope * fusion.offset + level + float(np.log(hazard))
    return replace(fusion, scale=slope * fusion.scale, offset=offset)
