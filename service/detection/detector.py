"""The detectors as one fold: `step(params, state, observation, rule) -> (state, result)`, all values immutable.

Every score is computed at every step; the rule, one of four by name, decides whether a change is declared:

* `bayes`: log-odds of a recent change above the profile's threshold (see `bayes.py`), the default;
* `window`: distance between the newest w behaviours and those before above theta;
* `distance`: ||z - z_previous|| above theta, z_previous being z at the last snapshot;
* `rate`: the same by elapsed days.

A normalised difference has norm 1 always, so thresholding it would fire at every input: theta applies to the magnitude.
One alarm a change: after `bayes` and `window` the new regime stands alone, from its most probable beginning; after
`distance` and `rate`, which know no beginning, later movement is measured from where the alarm was given.

>>> import numpy as np
>>> params = Params(dim=4, profile=None)
>>> state = params.empty()
>>> north, east = np.eye(4, dtype=np.float32)[:2]
>>> rule = Rule("window")
>>> for n in range(60):
...     state, result = step(params, state, Observation(north if n < 40 else east, 1.0, 60.0 * n), rule)
...     if result.change:
...         print(n, result.change.began)
44 40
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from service.detection import bayes, evidence, explain, interest
from service.detection.batch import Batch, side_by_side
from service.detection.coded import Coded, code
from service.detection.explain import Contribution, TopicDifference
from service.detection.interest import SECONDS_PER_DAY, Scores
from service.detection.judge import judge
from service.detection.profile import Profile
from service.detection.rules import Rule
from service.detection.state import PAST_REGIMES, PAST_TOPICS, Layout, PastRegime, State, empty, layout
from service.detection.topics import Assignment
from service.vectors import Vectors

Status = Literal["warming_up", "ok", "uncalibrated"]
Kind = Literal["novel", "returning"]

MIN_HISTORY = 10
"""Behaviours of a regime below which no change of it is judged."""
RETURNING_SIMILARITY = 0.6
"""Cosine between the topic counts of a new regime and an earlier one from which on it is the earlier one's return."""


@dataclass(frozen=True)
class Params:
    """What does not change from user to user.

    Attributes:
        dim: length of a vector.
        profile: None where there is none for this model; `bayes` then never declares anything.
        half_life_days: of the decay of z.
        window: w, behaviours in the newest window; at most what the state keeps one by one.
        thresholds: of the three distance rules.
    """

    dim: int
    profile: Profile | None
    half_life_days: float = 30.0
    window: int = 10
    thresholds: dict[str, float] = field(default_factory=lambda: {"distance": 0.35, "rate": 0.1, "window": 0.6})

    @cached_property
    def layout(self) -> Layout:
        """How much is kept of each user."""
        return layout(self.dim, self.profile.topics, self.profile.nearest) if self.profile else layout(self.dim, 0, 0)

    @cached_property
    def bayes(self) -> bayes.BayesParams:
        """The model's numbers, with the memory that fits the state."""
        numbers = self.profile.params if self.profile else bayes.BayesParams()
        return replace(numbers, memory=self.layout.assignments)

    @property
    def half_life(self) -> float:
        """In seconds."""
        return self.half_life_days * SECONDS_PER_DAY

    def empty(self) -> State:
        """A new user's state."""
        return empty(
            self.dim, self.profile.topics if self.profile else None, self.profile.nearest if self.profile else 0
        )

    def threshold(self, rule: Rule) -> float:
        """What the rule's score is compared with; infinite for `bayes` without a profile."""
        if rule.threshold is not None:
            return rule.threshold
        if rule.name == "bayes":
            return self.profile.threshold if self.profile else np.inf
        return self.thresholds[rule.name]


@dataclass(frozen=True, slots=True)
class Observation:
    """One behaviour.

    Attributes:
        vector: (dim,) float32, of unit length.
        weight: at least 0; 1 is an ordinary behaviour.
        time: seconds since the epoch.
        topics: the vector's topics, where they are known already; else they are looked up.
        coded: the vector as it is kept, where that is known already.
    """

    vector: Vectors
    weight: float
    time: float
    topics: Assignment | None = None
    coded: Coded | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """A change of interest as it stood when it was declared.

    Attributes:
        began: position, from 0, of the first behaviour of the new regime.
        kind: whether the new interest matches an earlier one of this user's; None without topics.
        gained: topics gained, the largest first.
        lost: topics lost.
        contributions: to the log-odds; empty unless `bayes` decided.
    """

    began: int
    kind: Kind | None
    gained: tuple[TopicDifference, ...]
    lost: tuple[TopicDifference, ...]
    contributions: tuple[Contribution, ...]


@dataclass(frozen=True, slots=True)
class Result:
    """What is known after one behaviour.

    Attributes:
        position: of the behaviour in the user's stream, from 0.
        status: warming_up, ok or uncalibrated.
        log_odds: of a recent change, in nats; None without a profile.
        threshold: what the rule's score was compared with; None for `bayes` without a profile.
        scores: the distances.
        z: (dim,) float32.
        z_previous: (dim,) float32, z at the last snapshot before; None where there was none.
        change: what was declared at this behaviour, if anything.
    """

    position: int
    status: Status
    log_odds: float | None
    threshold: float | None
    scores: Scores
    z: Vectors
    z_previous: Vectors | None
    change: Change | None


def step(params: Params, state: State, observation: Observation, rule: Rule) -> tuple[State, Result]:
    """Take one behaviour in and judge.

    Args:
        params: what is common to all users.
        state: the user's state; not altered.
        observation: the behaviour.
        rule: which score decides.

    Returns:
        the state after it, and what is known then.

    Raises:
        ValueError: a vector of the wrong length.
    """
    return _step(params, state, batch_of(params, [observation]), rule)


def advance(params: Params, state: State, batch: Batch, rule: Rule) -> tuple[State, Result | None, int]:
    """`step` over many behaviours whose figures nobody asks for, up to the first at which a change is declared.

    It may take fewer than there are without one.

    Args:
        params: what is common to all users.
        state: the user's state; not altered.
        batch: at least one behaviour, oldest first.
        rule: which score decides.

    Returns:
        the state, the result where a change was declared, and how many behaviours were taken in.

    Raises:
        ValueError: vectors of the wrong length, or no topics where there is a profile.
    """
    if rule.name != "bayes":  # its score is a distance, which has to be looked at after each behaviour
        state, result = _step(params, state, batch.part(0, 1), rule)
        return state, result if result.change else None, 1
    to_mark = MIN_HISTORY - state.behaviors
    if state.interest.reference is None and 0 < to_mark < len(batch):
        batch = batch.part(0, to_mark)
    threshold = params.threshold(rule)
    state, log_odds, taken = _advance(params, state, batch, threshold)
    if not _ripe_above(state, log_odds, threshold):
        return _first_mark(params, state), None, taken
    state, result = _judged(params, state, log_odds, rule)
    return state, result, taken


def batch_of(params: Params, observations: Sequence[Observation]) -> Batch:
    """At least one behaviour, as `advance` takes them.

    Raises:
        ValueError: a vector of the wrong length.
    """
    for observation in observations:
        if observation.vector.shape != (params.dim,):
            raise ValueError(f"a vector of shape {observation.vector.shape}, expected ({params.dim},)")
    vectors = np.stack([observation.vector for observation in observations]).astype(np.float32, copy=False)
    topics: Sequence[Assignment | None] = [observation.topics for observation in observations]
    if params.profile is not None and any(one is None for one in topics):
        assigned = params.profile.assign(vectors)
        topics = [assigned.at(n) for n in range(len(observations))]
    return side_by_side(
        [observation.coded or code(vector) for observation, vector in zip(observations, vectors, strict=True)],
        [observation.weight for observation in observations],
        [observation.time for observation in observations],
        topics,
    )


def _step(params: Params, state: State, batch: Batch, rule: Rule) -> tuple[State, Result]:
    """`step` for a batch of one."""
    state, log_odds, _ = _advance(params, state, batch, np.inf)
    return _judged(params, state, log_odds, rule)


def _judged(params: Params, state: State, log_odds: float | None, rule: Rule) -> tuple[State, Result]:
    """The state with what is declared now, and the result; the newest behaviour is in the state already."""
    z, scores = interest.scores_of(state.interest, window=params.window, half_life=params.half_life)
    threshold = params.threshold(rule)
    result = Result(
        position=state.behaviors - 1,
        status=_status(params, state),
        log_odds=log_odds,
        threshold=threshold if np.isfinite(threshold) else None,
        scores=scores,
        z=z,
        z_previous=state.interest.reference,
        change=None,
    )
    if _fires(state, result, rule, threshold):
        state, change = _declare(params, state, result, rule)
        result = replace(_of_new_regime(params, state, result), change=change)
        return mark(params, state), result
    return _first_mark(params, state), result


def _first_mark(params: Params, state: State) -> State:
    """Without it a whole history in one request would leave `distance` and `rate` nothing to compare with."""
    due = state.interest.reference is None and state.behaviors == MIN_HISTORY
    return mark(params, state) if due else state


def fold(params: Params, state: State, observations: Iterable[Observation], rule: Rule) -> tuple[State, list[Result]]:
    """`step` over many behaviours of one user, in order."""
    results = []
    for observation in observations:
        state, result = step(params, state, observation, rule)
        results.append(result)
    return state, results


def warm_up(params: Params) -> None:
    """Compile everything that a step runs, which takes seconds where it was never kept.

    Raises:
        StateError: no state within its bound holds vectors so long.
    """
    vector = np.zeros(params.dim, np.float32)
    vector[0] = 1.0
    many = params.layout.assignments + 2
    state, _ = fold(params, params.empty(), (Observation(vector, 1.0, float(n)) for n in range(many)), Rule())
    mark(params, state)


def mark(params: Params, state: State) -> State:
    """Take a snapshot: later movement is measured from the present z."""
    return replace(state, interest=interest.mark(state.interest, half_life=params.half_life))


def _advance(params: Params, state: State, batch: Batch, alarm: float) -> tuple[State, float | None, int]:
    """Take behaviours in, up to the first at which `bayes` fires at that threshold; nothing is declared yet.

    Returns:
        the state, the log-odds of a recent change after the newest behaviour taken in, and how many those are.

    Raises:
        ValueError: vectors of the wrong length, or no topics where there is a profile.
    """
    if batch.codes.shape[1] != params.dim:
        raise ValueError(f"vectors of {batch.codes.shape[1]} dimensions, expected {params.dim}")
    regime, seen, log_odds, taken = state.bayes, state.evidence, None, len(batch)
    if regime is not None and params.profile is not None:
        if batch.topics is None:
            raise ValueError("behaviours without topics, under a profile that has some")
        judged = judge(
            params.bayes,
            params.profile,
            regime,
            seen,
            batch.topics,
            batch.weights,
            fusion=params.profile.fusion,
            figures=False,
            alarm=alarm,
            quiet=max(MIN_HISTORY - 1 - min(state.behaviors, regime.age), 0),
        )
        regime, seen, log_odds, taken = judged.regime, judged.evidence, float(judged.log_odds[-1]), judged.taken
    moved = interest.push(state.interest, batch.part(0, taken), keep=params.layout.vectors, half_life=params.half_life)
    return (
        replace(state, behaviors=state.behaviors + taken, interest=moved, bayes=regime, evidence=seen),
        log_odds,
        taken,
    )


def _status(params: Params, state: State) -> Status:
    if params.profile is None:
        return "uncalibrated"
    return "warming_up" if state.behaviors < MIN_HISTORY else "ok"


def _of_new_regime(params: Params, state: State, result: Result) -> Result:
    """The result with z, and its distance from the last snapshot, of the regime that now stands alone."""
    z, scores = interest.scores_of(state.interest, window=params.window, half_life=params.half_life)
    return replace(result, z=z, scores=replace(scores, window=result.scores.window))


def _fires(state: State, result: Result, rule: Rule, threshold: float) -> bool:
    if rule.name == "bayes":
        return _ripe_above(state, result.log_odds, threshold)
    if state.behaviors < MIN_HISTORY:
        return False
    scores = result.scores
    score = {"distance": scores.magnitude, "rate": scores.rate_per_day, "window": scores.window}[rule.name]
    return score > threshold


def _ripe_above(state: State, log_odds: float | None, threshold: float) -> bool:
    """Whether `bayes` fires."""
    if state.behaviors < MIN_HISTORY or state.bayes is None or state.bayes.age < MIN_HISTORY:
        return False
    return log_odds is not None and log_odds > threshold


def _declare(params: Params, state: State, result: Result, rule: Rule) -> tuple[State, Change]:
    """The state with the new regime standing alone, and the change explained."""
    if rule.name in ("distance", "rate"):
        return state, Change(result.position, None, (), (), ())
    run = interest.best_split(state.interest, window=params.window, half_life=params.half_life)
    parts: list[Contribution] = []
    regime = state.bayes
    if rule.name == "bayes" and regime is not None:
        run = bayes.most_probable_run(params.bayes, regime)
    if regime is None or params.profile is None:
        return restart(state, run), Change(result.position + 1 - run, None, (), (), ())
    if rule.name == "bayes" and result.log_odds is not None:
        parts = explain.contributions(params.profile, regime, run, result.log_odds, result.position)
    after = explain.shares(params.profile, regime, 0, run)
    before = explain.shares(params.profile, regime, run, None)
    gained, lost = explain.differences(params.profile, before, after)
    new = bayes.counts(params.bayes, regime, 0, run)
    kind: Kind = "returning" if _returns(new, state.past) else "novel"
    old = bayes.counts(params.bayes, regime, run, None)
    change = Change(result.position + 1 - run, kind, tuple(gained), tuple(lost), tuple(parts))
    return restart(state, run, old), change


def restart(state: State, run: int, old: NDArray[np.float64] | None = None) -> State:
    """The state in which the newest `run` behaviours stand alone as a new regime.

    Args:
        state: before.
        run: length of the new regime in behaviours.
        old: (k,) topic counts of the regime that ends; None where none are known.
    """
    began = max(state.behaviors - run, state.began)
    ended = PastRegime.without_topics(state.began, began)
    if old is not None:
        ended = replace(ended, **_leading(old))
    return State(
        state.behaviors,
        interest.restart(state.interest, run),
        bayes.restart(state.bayes, run) if state.bayes else None,
        evidence.restart(state.evidence),
        (ended, *state.past)[:PAST_REGIMES],
        state.regime + 1,
        began,
    )


def _leading(counts: NDArray[np.float64]) -> dict[str, Any]:
    """The leading topics of a regime that has ended, and their shares."""
    top = np.argsort(-counts, kind="stable")[:PAST_TOPICS]
    total = max(float(counts.sum()), 1e-12)
    topics, shares = np.zeros(PAST_TOPICS, np.uint16), np.zeros(PAST_TOPICS, np.float16)
    topics[: len(top)], shares[: len(top)] = top, counts[top] / total
    return {"topics": topics, "shares": shares}


def _returns(new: NDArray[np.float64], past: tuple[PastRegime, ...]) -> bool:
    """Whether the new regime's counts point the way of an earlier one's."""
    norm = float(np.linalg.norm(new))
    for regime in past:
        other = regime.shares.astype(np.float64)
        size = norm * float(np.linalg.norm(other))
        if size > 0 and float(new[regime.topics] @ other) / size >= RETURNING_SIMILARITY:
            return True
    return False
