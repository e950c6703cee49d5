"""Bayesian online change-point detection over Dirichlet regimes of topics.

A regime is a Dirichlet over K topics with prior alpha * p0, p0 the background's shares. After counts n with total N,
a behaviour with sparse topic shares q is predicted, relative to the background, by

    log p(q | regime) - log p(q | background) = log [ sum_k q_k (alpha p0_k + n_k) / (alpha + N) ] - log sum_k q_k p0_k

tempered by beta, for behaviours are not independent, and mixed with a small epsilon, so that one odd behaviour cannot
decide. Adams & MacKay (2007), "Bayesian Online Changepoint Detection", give the recursion over run lengths: each is
reweighted by its predictive, and with hazard h a new run is born, whose first behaviour the background predicts.

The statistic is the log-odds that the run began within the last R behaviours against before. Taken over all time it
would lose users who drift slowly. Once a change is declared, runs that began up to then are that change's, however
uncertain its beginning: only a later beginning is a new change. Raising the threshold lowers the false-alarm rate and
lengthens the detection delay by about (threshold step) / (log-ratio a behaviour).

What bounds the state: the predictive of every run length needs only the dot products of the new q with the last L
assignments and their running sum; whatever is older is one vector of counts and one hypothesis, "the run began before".
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from service.detection import kernels
from service.detection.topics import WHOLE, Assignment

Log = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class BayesParams:
    """The numbers of the model. All without unit, run lengths in behaviours.

    Attributes:
        alpha: strength of a regime's prior.
        hazard: h, prior probability of a change before each behaviour.
        beta: tempering of the predictive, 0 to 1.
        forget: lambda, decay of counts per behaviour, which lets a regime follow slow drift; 1 forgets nothing.
        epsilon: weight of "this behaviour says nothing".
        recent: R, how many behaviours back a change counts as recent.
        memory: L, how many assignments are kept one by one; more than R.
    """

    alpha: float = 10.0
    hazard: float = 1 / 200
    beta: float = 1.0
    forget: float = 1.0
    epsilon: float = 0.02
    recent: int = 25
    memory: int = 128


@dataclass(frozen=True, slots=True)
class BayesState:
    """The present regime's evidence. Arrays are newest first and have their storage types.

    Attributes:
        topics: (n, m) uint16, topics of the last n <= L behaviours of the regime.
        shares: (n, m) uint16, their shares in units of 1/65,535.
        weights: (n,) float32, behaviour weights.
        older: (k,) float32, counts of the regime's behaviours before those, decayed to the oldest kept one.
        older_total: float, their sum.
        log_run: (n,) float32, log posterior of the run having begun with behaviour 0, 1, ... (newest first).
        log_older: float, log posterior of the run having begun before the kept ones.
        age: int, behaviours of the regime so far.
        since: int, behaviours since the regime was declared; for a user's first one, since its first behaviour.
    """

    topics: NDArray[np.uint16]
    shares: NDArray[np.uint16]
    weights: NDArray[np.float32]
    older: NDArray[np.float32]
    older_total: float
    log_run: NDArray[np.float32]
    log_older: float
    age: int
    since: int


def empty(topics: int, nearest: int) -> BayesState:
    """The state before any behaviour, for `topics` K and `nearest` m."""
    return BayesState(
        topics=np.empty((0, nearest), np.uint16),
        shares=np.empty((0, nearest), np.uint16),
        weights=np.empty(0, np.float32),
        older=np.zeros(topics, np.float32),
        older_total=0.0,
        log_run=np.empty(0, np.float32),
        log_older=-np.inf,
        age=0,
        since=0,
    )


def predictive(
    params: BayesParams,
    background: NDArray[np.float32],
    state: BayesState,
    behavior: Assignment,
    weight: float,
    *,
    skip: int = 0,
) -> tuple[Log, float]:
    """Tempered log-ratio to the background of a behaviour, under every run that began before it.

    Args:
        params: the model's numbers.
        background: (k,), p0.
        state: the kept behaviours, of which the newest `skip` are left out, as they came later.
        behavior: one behaviour's topics.
        weight: of the behaviour.
        skip: how many to leave out.

    Returns:
        (n - skip,) for runs that began with kept behaviour skip, skip + 1, ..., and that for the older run.
    """
    tempering = params.beta * min(weight, 1.0)
    return kernels.predictive(
        behavior.topics[0], behavior.shares[0], state.topics[skip:], state.shares[skip:], state.weights[skip:],
        state.older, state.older_total, background, params.alpha, params.forget, params.epsilon, tempering,
    )  # fmt: skip


def most_probable_run(params: BayesParams, state: BayesState) -> int:
    """Length in behaviours of the most probable run among the recent ones, at least 1."""
    young = min(params.recent, state.since)
    return int(np.argmax(state.log_run[:young])) + 1


def restart(state: BayesState, behaviors: int) -> BayesState:
    """Drop every hypothesis older than the run of the newest `behaviors`: one alarm per change."""
    log_run = state.log_run[:behaviors].astype(np.float64)
    return replace(
        state,
        topics=state.topics[:behaviors],
        shares=state.shares[:behaviors],
        weights=state.weights[:behaviors],
        older=np.zeros_like(state.older),
        older_total=0.0,
        log_run=(log_run - _logsumexp(log_run)).astype(np.float32),
        log_older=-np.inf,
        age=min(behaviors, len(state.weights)),
        since=0,
    )


def counts(params: BayesParams, state: BayesState, start: int, stop: int | None) -> NDArray[np.float64]:
    """Decayed topic counts (k,) of kept behaviours start to stop (newest first); without `stop`, of all older too."""
    result = np.zeros(len(state.older))
    end = len(state.weights) if stop is None else stop
    fade = params.forget ** np.arange(end - start)
    weighted = state.shares[start:end] * (state.weights[start:end] * fade / WHOLE)[:, None]
    np.add.at(result, state.topics[start:end], weighted)
    if stop is None:
        result += params.forget ** (end - start) * state.older.astype(np.float64)
    return result


def _logsumexp(values: Log) -> float:
    """Log of the sum of exponentials; -inf of nothing."""
    return float(np.logaddexp.reduce(values))
