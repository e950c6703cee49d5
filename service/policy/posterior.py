"""How the detector's posterior bears on what to recommend. Nothing in it is set by hand.

With P(r) the posterior that the present run began with behaviour r, N_r the evidence (weights of behaviours) since, and
alpha the strength of a regime's prior, the next behaviour is foretold from the run's own evidence with a share of

    present = sum_r P(r) N_r / (alpha + N_r)

and from the prior with the rest. That prior is the user's own long-term profile, as far as there is one: N_L being the
evidence before the present regime, N_L / (alpha + N_L) of the rest is `long_term`, and what is left is `exploration`,
the domain's prior (a Dirichlet over a Dirichlet: MacKay and Peto, 1995). The shares add up to 1. A new user has nothing
but the domain's prior; after a change the present share falls and rises again as evidence comes in.

The learning rate is what one more behaviour moves the regime's posterior mean by: sum_r P(r) / (alpha + N_r + 1), the
reduced Bayesian delta rule of Nassar et al. (2010). It jumps when a change becomes probable, and decays after it.

A topic is to be boosted or suppressed where its share of the present regime differs from that of the long-term profile;
before the first change there is none of the user, only of the domain, and nothing is suppressed.
The regime is expected to last 1 / hazard more behaviours, at the user's pace: so long the two hold.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.detection import explain
from service.detection.bayes import BayesParams, BayesState
from service.detection.explain import MOST_TOPICS, SMALLEST_DIFFERENCE
from service.detection.profile import Profile
from service.detection.state import State

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Shares:
    """What the next behaviour is foretold from; adds up to 1.

    Attributes:
        present: the present regime's own evidence.
        long_term: the user's earlier regimes.
        exploration: the domain's prior.
    """

    present: float
    long_term: float
    exploration: float


@dataclass(frozen=True, slots=True)
class TopicWeight:
    """A topic to be boosted or suppressed.

    Attributes:
        topic: its number.
        label: the terms that set it apart.
        share: of the present regime, 0 to 1.
        usual: of the user's long-term profile; of the domain, for a user without one.
    """

    topic: int
    label: str
    share: float
    usual: float

    @property
    def factor(self) -> float:
        """How many times its usual share it has now."""
        return self.share / self.usual


@dataclass(frozen=True, slots=True)
class Posture:
    """The figures of the policy.

    Attributes:
        shares: what to recommend from.
        learning_rate: 0 to 1.
        boost: topics that count more now, the largest difference first.
        suppress: topics that count less now.
        remaining: behaviours that the present regime is expected to last.
    """

    shares: Shares
    learning_rate: float
    boost: tuple[TopicWeight, ...]
    suppress: tuple[TopicWeight, ...]
    remaining: float


def posture(profile: Profile, state: State) -> Posture:
    """The figures of a user's state.

    Args:
        profile: that the state was judged by.
        state: after the newest behaviour.
    """
    regime = state.bayes
    if regime is None or not regime.age:
        return Posture(Shares(0.0, 0.0, 1.0), 1.0 / (profile.params.alpha + 1.0), (), (), 1.0 / profile.params.hazard)
    alpha = profile.params.alpha
    probability, evidence = runs(profile.params, regime)
    present = float(probability @ (evidence / (alpha + evidence)))
    usual, before = long_term(profile, state)
    known = before / (alpha + before)
    boost, suppress = _differences(profile, explain.shares(profile, regime), usual)
    return Posture(
        shares=Shares(present, (1.0 - present) * known, (1.0 - present) * (1.0 - known)),
        learning_rate=float(probability @ (1.0 / (alpha + evidence + 1.0))),
        boost=boost,
        suppress=suppress if before else (),
        remaining=1.0 / profile.params.hazard,
    )


def runs(params: BayesParams, regime: BayesState) -> tuple[Floats, Floats]:
    """P(r) and N_r of every run length, the shortest first; the last is the run that began before the kept ones."""
    logs = np.append(regime.log_run.astype(np.float64), regime.log_older)
    probability = np.exp(logs - np.logaddexp.reduce(logs))
    fade = params.forget ** np.arange(len(regime.weights))
    kept = np.cumsum(regime.weights.astype(np.float64) * fade)
    whole = (kept[-1] if len(kept) else 0.0) + params.forget ** len(kept) * regime.older_total
    return probability, np.append(kept, whole)


def inclusion(regime: BayesState | None, ages: NDArray[np.int64]) -> Floats:
    """Probability that behaviours of these ages (0: the newest) belong to the present run; ones without a regime."""
    if regime is None or not regime.age:
        return np.ones(len(ages))
    logs = np.append(regime.log_run.astype(np.float64), regime.log_older)
    reaching = np.cumsum(np.exp(logs - np.logaddexp.reduce(logs))[::-1])[::-1]
    return np.where(ages < regime.age, reaching[np.minimum(ages, len(reaching) - 1)], 0.0)


def long_term(profile: Profile, state: State) -> tuple[Floats, float]:
    """Topic shares (k,) of the user's earlier regimes over the domain's prior, and how much evidence that is.

    Earlier regimes count by their length, of which at most what the state remembers is known: their leading topics.
    """
    counts = np.zeros(profile.topics)
    for earlier in state.past:
        length = float(earlier.ended - earlier.began)
        np.add.at(counts, earlier.topics, earlier.shares.astype(np.float64) * length)
    alpha, total = profile.params.alpha, float(counts.sum())
    return (alpha * profile.background + counts) / (alpha + total), total


def _differences(
    profile: Profile, present: Floats, usual: Floats
) -> tuple[tuple[TopicWeight, ...], tuple[TopicWeight, ...]]:
    change = present - usual
    order = np.argsort(-np.abs(change), kind="stable")
    differing = order[: np.count_nonzero(np.abs(change) > SMALLEST_DIFFERENCE)]
    told = [TopicWeight(int(k), profile.labels[k], float(present[k]), float(usual[k])) for k in differing]
    boost = tuple(one for one in told if one.share > one.usual)[:MOST_TOPICS]
    return boost, tuple(one for one in told if one.share < one.usual)[:MOST_TOPICS]
