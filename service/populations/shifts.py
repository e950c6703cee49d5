"""When more users turn to a topic at once than their own changes of mind explain. Pure arithmetic."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.integer]

FACTOR = 2.0
"""A shift is a share of at least so many times the usual one."""
FALSE_SHIFTS_PER_DAY = 0.01
"""Promised at most, in a domain, over all topics, windows and looks."""
TRUE_SHIFTS_PER_DAY = 0.1
"""Expected before anything was seen: the prior that turns evidence into a probability."""
MIN_BASELINE_USERS = 100
MIN_SLICES = 4
"""A baseline with fewer says too little of what is usual, and of how far it varies."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """What is usual of one topic.

    Attributes:
        share: of the users who change, those who gain the topic, 0 to 1.
        correlation: how much more alike users of one time are than users at large, 0 to 1: the share's variance
            between times, by share (1 - share).
        users: that the share was found from.
    """

    share: float
    correlation: float
    users: int

    @property
    def precision(self) -> float:
        """How many users' worth is known of the share of a new window: it varies, and is known from a sample."""
        spread = min(self.correlation + 1.0 / (self.users + 1.0), 0.999)
        return 1.0 / spread - 1.0


def baselines(changed: Counts, gained: Counts) -> list[Baseline] | None:
    """What is usual of each topic, from slices of the time before.

    The share of topic k is smoothed by one user at the mean share of all topics. The correlation is the moment
    estimator of the beta-binomial: with n_t users changing in slice t and g_tk of them gaining k,
    E Σ (g_tk − n_t p)² = p (1 − p) Σ n_t (1 + (n_t − 1) ρ). It is taken over all topics together and for the topic
    alone, and the larger one counts: a topic that comes and goes in waves is not new each time.

    Args:
        changed: (slices,) users who changed.
        gained: (slices, topics) those of them who gained each topic.

    Returns:
        one for each topic; None where there is too little to say what is usual.
    """
    used = changed > 0
    n, g = changed[used].astype(np.float64), gained[used].astype(np.float64)
    total = float(n.sum())
    if total < MIN_BASELINE_USERS or len(n) < MIN_SLICES:
        return None
    sums = g.sum(0)
    mean = float(sums.mean()) / total
    share = np.clip((sums + mean) / (total + 1.0), 1e-9, 1.0 - 1e-9)
    variance = share * (1.0 - share)
    pairs = float((n * (n - 1.0)).sum())
    # As the share is estimated from the same slices, they lie closer to it than to the true one.
    freedom = float(n.sum() - (n**2).sum() / total)
    excess = ((g - n[:, None] * share) ** 2).sum(0) - variance * freedom
    pooled = float(excess.sum() / (variance.sum() * pairs)) if pairs else 0.0
    own = excess / (variance * pairs) if pairs else np.zeros_like(share)
    correlation = np.clip(np.maximum(own, pooled), 0.0, 0.99)
    return [Baseline(float(p), float(rho), int(total)) for p, rho in zip(share, correlation, strict=True)]


def log_bayes_factor(changed: int, gained: int, baseline: Baseline) -> float:
    """The evidence of a window for a shift toward a topic, in nats.

    With n users who changed in the window and g of them gaining the topic, given n, so that a rise of all topics is no
    evidence for any:

      usual: g ~ BetaBinomial(n, s p, s (1 − p)), p the usual share and s its precision
      shift: g ~ Binomial(n, θ), θ uniform over the shares of at least FACTOR times p

    Both are distributions of g, so that the expectation of their ratio where all is as usual is 1, and by Markov's
    inequality P(ratio ≥ c | as usual) ≤ 1/c: what the ratio is compared with is the promise. See Kass & Raftery (1995),
    *Bayes Factors*, and Vovk & Wang (2021), *E-values: calibration, combination and applications*.

    >>> usual = Baseline(share=0.02, correlation=0.001, users=5000)
    >>> round(log_bayes_factor(400, 8, usual), 1), round(log_bayes_factor(400, 60, usual), 1)
    (-7.7, 34.1)

    Raises:
        ValueError: more users gained the topic than changed, or fewer than none.
    """
    if not 0 <= gained <= changed:
        raise ValueError(f"{gained} of {changed} users")
    n, g, p = changed, gained, baseline.share
    a, b = baseline.precision * p, baseline.precision * (1.0 - p)
    # Without the binomial coefficient, which both have.
    usual = _log_beta(a + g, b + n - g) - _log_beta(a, b)
    least = min(FACTOR * p, (1.0 + p) / 2.0)
    shift = _log_beta(g + 1.0, n - g + 1.0) + _log_binomial_cdf(g, n + 1, least) - math.log1p(-least)
    return shift - usual


def threshold(tests_per_day: float) -> float:
    """The log Bayes factor from which a shift is told, so that false ones are at most as many as promised.

    By the union bound over all tests of a day, however they depend on one another.
    """
    return math.log(tests_per_day / FALSE_SHIFTS_PER_DAY)


def probability(log_factor: float, tests_per_day: float) -> float:
    """Of a shift, after the evidence."""
    log_odds = math.log(TRUE_SHIFTS_PER_DAY / tests_per_day) + log_factor
    return 1.0 / (1.0 + math.exp(-log_odds)) if log_odds > -700 else 0.0


def expected(changed: int, baseline: Baseline) -> float:
    """How many of the users who changed would gain the topic if all were as usual."""
    return changed * baseline.share


def found(
    changed: int, gained: Sequence[int] | Counts, usual: Sequence[Baseline], *, min_users: int, log_threshold: float
) -> list[tuple[int, float]]:
    """The topics that a window's users shift toward, and the evidence for each in nats."""
    return [
        (topic, evidence)
        for topic, (count, baseline) in enumerate(zip(gained, usual, strict=True))
        # Most topics need no look: evidence for a shift begins above what is usual.
        if count >= min_users and count > expected(changed, baseline)
        if (evidence := log_bayes_factor(changed, int(count), baseline)) >= log_threshold
    ]


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def _log_binomial_cdf(k: int, n: int, p: float) -> float:
    """Log P(X ≤ k), X ~ Binomial(n, p), by summing its terms, each from the one before."""
    j = np.arange(1, k + 1, dtype=np.float64)
    steps = np.log((n - j + 1.0) / j) + math.log(p) - math.log1p(-p)
    terms = np.concatenate([[0.0], np.cumsum(steps)]) + n * math.log1p(-p)
    largest = float(terms.max())
    return min(largest + math.log(float(np.exp(terms - largest).sum())), 0.0)
