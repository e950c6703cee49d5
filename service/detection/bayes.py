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
        shares: (n, m) float16, their shares.
        weights: (n,) float32, behaviour weights.
        older: (k,) float32, counts of the regime's behaviours before those, decayed to the oldest kept one.
        older_total: float, their sum.
        log_run: (n,) float32, log posterior of the run having begun with behaviour 0, 1, ... (newest first).
        log_older: float, log posterior of the run having begun before the kept ones.
        age: int, behaviours of the regime so far.
        since: int, behaviours since the regime was declared; for a user's first one, since its first behaviour.
    """

    topics: NDArray[np.uint16]
    shares: NDArray[np.float16]
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
        shares=np.empty((0, nearest), np.float16),
        weights=np.empty(0, np.float32),
        older=np.zeros(topics, np.float32),
        older_total=0.0,
        log_run=np.empty(0, np.float32),
        log_older=-np.inf,
        age=0,
        since=0,
    )


def step(
    params: BayesParams,
    background: NDArray[np.float32],
    state: BayesState,
    *,
    topics: NDArray[np.uint16],
    shares: NDArray[np.float16],
    weight: float,
) -> BayesState:
    """Take one behaviour in.

    Args:
        params: the model's numbers.
        background: (k,), p0, sums to 1.
        state: before the behaviour.
        topics: (m,), the behaviour's topics.
        shares: (m,), their shares.
        weight: of the behaviour; counts as that fraction of one. 0 leaves the evidence as it is.

    Returns:
        the state after it, its posterior normalised.
    """
    if state.age == 0:
        prior_run, prior_older = np.empty(0), -np.inf
        born = 0.0
    else:
        ratios, ratio_older = predictive(params, background, state, topics=topics, shares=shares, weight=weight)
        survive = np.log1p(-params.hazard)
        prior_run = state.log_run + ratios + survive
        prior_older = state.log_older + ratio_older + survive
        born = float(np.log(params.hazard))
    log_run = np.concatenate([[born], prior_run])
    kept = replace(
        state,
        topics=np.concatenate([topics[None], state.topics]),
        shares=np.concatenate([shares[None], state.shares]),
        weights=np.concatenate([[weight], state.weights]).astype(np.float32),
        age=state.age + 1,
        since=state.since + 1 if state.age else 0,
    )
    if len(log_run) > params.memory:
        prior_older = float(np.logaddexp(prior_older, log_run[-1]))
        log_run = log_run[:-1]
        kept = _spill(kept, params.forget)
    total = np.logaddexp(_logsumexp(log_run), prior_older)
    return replace(kept, log_run=(log_run - total).astype(np.float32), log_older=_as_stored(prior_older - total))


def _spill(state: BayesState, forget: float) -> BayesState:
    """Add the oldest kept assignment to the counts of the older ones."""
    weight = float(state.weights[-1])
    older = state.older * np.float32(forget)
    older[state.topics[-1]] += state.shares[-1].astype(np.float32) * np.float32(weight)
    return replace(
        state,
        topics=state.topics[:-1],
        shares=state.shares[:-1],
        weights=state.weights[:-1],
        older=older,
        older_total=_as_stored(state.older_total * forget + weight),
    )


def predictive(
    params: BayesParams,
    background: NDArray[np.float32],
    state: BayesState,
    *,
    topics: NDArray[np.uint16],
    shares: NDArray[np.float16],
    weight: float,
    skip: int = 0,
) -> tuple[Log, float]:
    """Tempered log-ratio to the background of a behaviour, under every run that began before it.

    Args:
        params: the model's numbers.
        background: (k,), p0.
        state: the kept behaviours, of which the newest `skip` are left out, as they came later.
        topics: (m,), the behaviour's topics.
        shares: (m,), its shares.
        weight: of the behaviour.
        skip: how many to leave out.

    Returns:
        (n - skip,) for runs that began with kept behaviour skip, skip + 1, ..., and that for the older run.
    """
    q = np.zeros(len(background))
    q[topics] = shares
    base = float(background[topics] @ q[topics])
    n = len(state.weights) - skip
    fade = params.forget ** np.arange(n + 1)
    weights = state.weights[skip:] * fade[:n]
    dots = np.einsum("nm,nm->n", q[state.topics[skip:]], state.shares[skip:].astype(np.float64))
    counts, totals = np.cumsum(weights * dots), np.cumsum(weights)
    last_count, last_total = (counts[-1], totals[-1]) if n else (0.0, 0.0)
    older_count = last_count + fade[n] * float(state.older[topics] @ q[topics])
    older_total = last_total + fade[n] * state.older_total
    matched = np.append(counts, older_count)
    of = np.append(totals, older_total)
    ratio = np.log((params.alpha * base + matched) / (params.alpha + of)) - np.log(base)
    mixed = np.logaddexp(np.log1p(-params.epsilon) + params.beta * min(weight, 1.0) * ratio, np.log(params.epsilon))
    return mixed[:-1], float(mixed[-1])


def log_odds(params: BayesParams, state: BayesState) -> float:
    """Log-odds that the run began within the last R behaviours against before; -20 before there is a question.

    Within R behaviours of the regime's declaration: any later beginning against up to then.
    """
    if not state.since:
        return -20.0
    young = min(params.recent, state.since)
    run = state.log_run.astype(np.float64)
    against = np.logaddexp(_logsumexp(run[young:]) if len(run) > young else -np.inf, state.log_older)
    return float(_logsumexp(run[:young]) - against)


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
    weighted = state.shares[start:end].astype(np.float64) * (state.weights[start:end] * fade)[:, None]
    np.add.at(result, state.topics[start:end], weighted)
    if stop is None:
        result += params.forget ** (end - start) * state.older.astype(np.float64)
    return result


def _as_stored(value: float) -> float:
    """Round to single precision, in which the state is stored."""
    return float(np.float32(value))


def _logsumexp(values: Log) -> float:
    """Log of the sum of exponentials; -inf of nothing."""
    return float(np.logaddexp.reduce(values))
