"""What the newest behaviours look like beside all before them, in figures that a change moves.

For the newest w behaviours (w = 5, 10, 15, 20), at two granularities (topics, and groups of similar topics):

* surprise: mean log-ratio to the background of each under the regime before them, clipped to +-3 so that no behaviour
  decides alone. The regime is the Dirichlet of `bayes`, with the same alpha.
* familiar: share of them that the regime before predicts better than the background does.
* coherence: the same log-ratio under the other w - 1, high where they are a new interest and not scattered.
* overlap: cosine of their topic counts with those before.
* focus: squared length of their mean topic shares, high where they are all alike.

A user whose interests are always scattered surprises at every step, so surprise is also taken relative to this user's
own past, windows that ended at least 25 behaviours ago: less their mean (unusual), in their standard deviations
(unusual in deviations), and less the least of them (below least).

A new interest seldom comes back to a topic that was known before it; how often the old one did is the user's own. So
for the newest w behaviours (w as above, and that w up to 30 for which it is most), of which `back` are on a topic that
an earlier behaviour of the regime was on already, and `new` are not:

* novelty: the log-likelihood ratio of two rates of coming back,
      new log [(1 - r) / (1 - u)] + back log [r / u]
  with u the user's own rate in the 60 behaviours before them, as its posterior mean under a uniform prior, and
  r = 0.03. Over all w it is the statistic of a change in a Bernoulli rate (Page, 1954). Unlike surprise it does not
  ask how usual a topic is for everybody: who buys milk for the second time comes back, however many buy it.

All weights count: a behaviour of weight 0 changes nothing but the windows' position.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.detection import kernels

WINDOWS, FIGURES = kernels.WINDOWS, kernels.FIGURES
LAG = kernels.LAG
"""How many behaviours ago a window must have ended to count as this user's past."""
GRANULARITIES = ("topics", "groups")
FEATURES = (
    *(f"{figure}_{window}_{level}" for level in GRANULARITIES for window in WINDOWS for figure in FIGURES),
    "log_age",
    "log_odds",
    *(f"novelty_{stretch}_{level}" for level in GRANULARITIES for stretch in kernels.STRETCHES),
)
"""Names of the figures in their order. `log_age` is of the regime's length, `log_odds` that of `bayes`.

New ones come last: a profile whose trees ask the first of them only is judged by as ever.
"""
LOG_ODDS = FEATURES.index("log_odds")
DIRECTIONS = {"surprise": -1, "familiar": -1, "coherence": 1, "overlap": -1, "unusual": -1, "unusual_deviations": -1,
              "below_least": -1, "log_odds": 1, "novelty": 1}  # fmt: skip
"""Which way a figure may move the verdict, where the meaning allows one way only: down with it, or up."""
SERIES = len(WINDOWS) * len(GRANULARITIES)


@dataclass(frozen=True, slots=True)
class EvidenceState:
    """A user's own past, to judge the newest behaviours by.

    Attributes:
        recent: (n, 8) float32, surprise after each of the newest n <= 25 behaviours of the regime, newest first;
            columns are the windows at the first granularity, then at the second.
        past: (8, 4) float32, of all surprises that ended at least 25 behaviours ago: count, mean, sum of squared
            deviations from it, least.
    """

    recent: NDArray[np.float32]
    past: NDArray[np.float32]


def empty() -> EvidenceState:
    """Before any behaviour."""
    return EvidenceState(np.empty((0, SERIES), np.float32), np.zeros((SERIES, 4), np.float32))


def restart(state: EvidenceState) -> EvidenceState:
    """For a new regime: how scattered a user's interests usually are stays, the newest surprises go."""
    return EvidenceState(np.empty((0, SERIES), np.float32), state.past)
