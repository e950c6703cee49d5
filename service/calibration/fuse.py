"""Learning how far each figure of the evidence speaks for a change, from planted changes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from service.detection.detector import MIN_HISTORY
from service.detection.evidence import DIRECTIONS, FEATURES
from service.detection.fusion import Fusion
from service.evaluation.measures import SHARES, WITHIN, delays, threshold_at

Figures = NDArray[np.float32]
FIRST, LAST = 7, 20
"""Behaviours after a planted change from which and up to which the evidence is an example of a change."""
MOST_CHANGED, MOST_UNCHANGED, MOST_SLOW, MOST_BEFORE = 10_000, 25_000, 20_000, 8_000
"""Examples of each sort: soon after a change, of untouched users, of slow changes, and before a planted change."""
LEAST_FINDABLE = 0.03
"""The share of a kind of change that is taken to be found at least: what is never found counts the square of that."""
TREES = 100
BINS = 255
"""Of each figure, at most; the library's own most. A tree divides between bins, nowhere else."""
HARDEST = 10
"""Behaviours of each user that look most like a change, learnt from once more: the threshold will lie among them."""


@dataclass(frozen=True)
class Planted:
    """Evidence around a planted change.

    Attributes:
        figures: (n, len(FEATURES)).
        change: position of the first behaviour after it.
    """

    figures: Figures
    change: int


def fuse(
    untouched: Sequence[Figures],
    slow: Sequence[Figures],
    planted: Sequence[Sequence[Planted]],
    *,
    prior: float,
    trees: int = TREES,
    seed: int,
) -> Fusion:
    """Fit the trees.

    Args:
        untouched: evidence of users to whom nothing was done, (n, len(FEATURES)) each.
        slow: the same of users whose interest moves slowly, which is no change either.
        planted: the same with changes, one sequence for each kind of change. A kind counts by the square of the share
            of it that can be found: examples that look like no change at all teach only doubt.
        prior: probability of a change within the last `LAST` behaviours.
        trees: how many; their learning rate is such that they go equally far.
        seed: of the sampling.
    """
    rng = np.random.default_rng(seed)
    kinds = [kind for kind in planted if kind]
    examples = [_after(kind, rng) for kind in kinds]
    changed, shares = np.concatenate(examples), _shares(examples, np.ones(len(kinds)))
    sorts = (
        ([figures[MIN_HISTORY:] for figures in untouched], MOST_UNCHANGED),
        ([figures[MIN_HISTORY:] for figures in slow], MOST_SLOW),
        ([p.figures[MIN_HISTORY : p.change] for kind in planted for p in kind], MOST_BEFORE),
    )
    unchanged = np.concatenate([_some(np.concatenate(rows), most, rng) for rows, most in sorts if rows])
    first = _fit(changed, shares, unchanged, trees, seed)
    hard = [_hardest(first, figures) for rows, _ in sorts for figures in rows]
    unchanged = np.concatenate([unchanged, *hard])
    shares = _shares(examples, _findable(first, untouched, kinds) ** 2)
    fitted = _fit(changed, shares, unchanged, trees, seed)
    return _scaled(fitted, changed, shares, unchanged, prior)


def _hardest(fusion: Fusion, figures: Figures) -> Figures:
    """The rows that look most like a change."""
    return figures[np.argsort(-fusion.log_odds(figures.astype(np.float64)))[:HARDEST]]


def _after(kind: Sequence[Planted], rng: np.random.Generator) -> Figures:
    """Examples of one kind of change."""
    return _some(np.concatenate([p.figures[p.change + FIRST : p.change + LAST] for p in kind]), MOST_CHANGED, rng)


def _shares(examples: Sequence[Figures], worth: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights of all examples, which make every kind count by its worth and sum to 1."""
    each = [np.full(len(part), value / len(part)) for part, value in zip(examples, worth, strict=True)]
    return np.asarray(np.concatenate(each) / worth.sum(), np.float64)


def _findable(fusion: Fusion, untouched: Sequence[Figures], kinds: Sequence[Sequence[Planted]]) -> NDArray[np.float64]:
    """The share of each kind of change that is found where few untouched users are alarmed, and at least a little."""
    threshold = threshold_at([fusion.log_odds(figures.astype(np.float64)) for figures in untouched], SHARES[0])
    found = [
        np.mean(delays([fusion.log_odds(p.figures.astype(np.float64)) for p in kind], [p.change for p in kind],
                       threshold) <= WITHIN)
        for kind in kinds
    ]  # fmt: skip
    return np.maximum(np.array(found), LEAST_FINDABLE)


def _some(rows: Figures, most: int, rng: np.random.Generator) -> Figures:
    return rows if len(rows) <= most else rows[rng.choice(len(rows), most, replace=False)]


def _fit(changed: Figures, shares: NDArray[np.float64], unchanged: Figures, trees: int, seed: int) -> Fusion:
    directions = [next((way for figure, way in DIRECTIONS.items() if name.startswith(figure)), 0) for name in FEATURES]
    model = HistGradientBoostingClassifier(
        max_iter=trees,
        learning_rate=10.0 / trees,
        max_leaf_nodes=15,
        min_samples_leaf=40,
        l2_regularization=5.0,
        monotonic_cst=directions,
        early_stopping=False,
        random_state=seed,
    )
    rows, is_change, weights = _examples(changed, shares, unchanged)
    divided = [cuts(column, weights) for column in rows.T.astype(np.float64)]
    model.fit(_binned(rows, divided), is_change, sample_weight=weights * len(rows))
    return _flatten(model, divided, changed[:1000])


def cuts(column: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where a figure is divided into bins of equal weight, ascending; a bin ends with its cut.

    As the library does it, and it leaves as they are the bins that it is given. But it sorts the column once for each
    cut, which takes longer than all the trees.
    """
    distinct = np.unique(column)
    if len(distinct) <= BINS:
        return (distinct[:-1] + distinct[1:]) / 2.0
    shares = np.linspace(0.0, 1.0, BINS + 1)[1:-1]
    return np.unique(np.quantile(column, shares, weights=weights, method="inverted_cdf"))


def _binned(rows: Figures, divided: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """The number of each figure's bin, of the rows' shape."""
    columns = zip(divided, rows.T.astype(np.float64), strict=True)
    return np.stack([np.searchsorted(cut, column) for cut, column in columns], axis=1).astype(np.float64)


def _examples(
    changed: Figures, shares: NDArray[np.float64], unchanged: Figures
) -> tuple[Figures, NDArray[np.bool_], NDArray[np.float64]]:
    """All examples, which are changes, and weights by which both sorts count one half."""
    rows = np.concatenate([changed, unchanged])
    weights = np.concatenate([shares, np.full(len(unchanged), 1.0 / len(unchanged))]) / 2.0
    return rows, np.arange(len(rows)) < len(changed), weights


def _flatten(fitted: HistGradientBoostingClassifier, divided: Sequence[NDArray[np.float64]], probe: Figures) -> Fusion:
    """The trees as flat arrays that ask the figures, not their bins; checked against the library's own sum."""
    trees = [stage[0].nodes for stage in fitted._predictors]  # the library has no public form of them
    starts = np.cumsum([0, *(len(tree) for tree in trees)])[:-1]
    nodes = np.concatenate(trees)
    leaf = nodes["is_leaf"].astype(bool)
    shift = np.repeat(starts, [len(tree) for tree in trees])
    flat = Fusion(
        feature=np.where(leaf, -1, nodes["feature_idx"]).astype(np.int16),
        threshold=np.array([0.0 if node["is_leaf"] else _threshold(node, divided) for node in nodes]),
        left=(nodes["left"] + shift).astype(np.int32),
        right=(nodes["right"] + shift).astype(np.int32),
        value=nodes["value"].astype(np.float64),
        roots=starts.astype(np.int32),
        scale=1.0,
        offset=float(np.ravel(fitted._baseline_prediction)[0]),
    )
    theirs = fitted.decision_function(_binned(probe, divided))
    if not np.allclose(flat.log_odds(probe.astype(np.float64)), theirs, atol=1e-6):
        raise RuntimeError(
            "scikit-learn keeps its trees in another form than this version reads: pin it to 1.6 or later"
        )
    return flat


def _threshold(node: np.void, divided: Sequence[NDArray[np.float64]]) -> float:
    """The cut between the two bins that a node divides; its own number lies half-way between theirs."""
    return float(divided[node["feature_idx"]][int(node["num_threshold"])])


def _scaled(fusion: Fusion, changed: Figures, shares: NDArray[np.float64], unchanged: Figures, prior: float) -> Fusion:
    """Scale and shift the sum so that it is a log-odds at the prior probability (Platt, 1999)."""
    rows, is_change, weights = _examples(changed, shares, unchanged)
    platt = LogisticRegression(C=1e6).fit(
        fusion.log_odds(rows.astype(np.float64))[:, None], is_change, sample_weight=weights * len(rows)
    )
    # Never steeper than learnt: few examples can be told apart perfectly, and would make it sure of everything.
    scale = min(float(platt.coef_[0, 0]), 1.0)
    offset = scale * fusion.offset + float(platt.intercept_[0]) + float(np.log(prior / (1.0 - prior)))
    return replace(fusion, scale=scale, offset=offset)
