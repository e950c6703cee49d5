"""The compiled loop over whole histories equals the detector's steps."""

from dataclasses import replace

import numpy as np

from service.detection import detector, evidence
from service.detection.bayes import BayesParams
from service.detection.detector import Params, fold
from service.detection.evidence import FEATURES
from service.detection.profile import Profile
from service.detection.rules import Rule
from service.detection.trace import trace

from .conftest import Draw, later, one_figure


def test_the_trace_equals_the_steps(profile: Profile, draw: Draw) -> None:
    observations = [*draw([1, 2, 3], 300, 0), *later(draw([10, 11], 40, 1), 300)]
    rng = np.random.default_rng(0)
    observations = [replace(o, weight=float(rng.choice([0.0, 0.5, 1.0, 2.0]))) for o in observations]
    for name in ("surprise_10_topics", "unusual_5_groups", "overlap_20_topics", "log_odds", "coherence_15_groups",
                 "novelty_most_topics", "novelty_10_groups"):  # fmt: skip
        judged = replace(profile, fusion=one_figure(FEATURES.index(name)), params=BayesParams(forget=0.99))
        params = Params(64, judged)
        _, results = fold(params, params.empty(), observations, Rule("bayes", np.inf))
        figures, _ = trace(
            params.bayes,
            judged,
            judged.assign(np.stack([o.vector for o in observations])),
            np.array([o.weight for o in observations], np.float32),
        )
        expected = np.clip(figures[:, FEATURES.index(name)], -20.0, 20.0)
        np.testing.assert_allclose(np.array([r.log_odds for r in results], np.float64), expected, atol=0.011)


def test_surprise_by_hand(profile: Profile, draw: Draw) -> None:
    """The newest five after thirty: each one's log-ratio under a Dirichlet of the twenty-five before, clipped."""
    observations = [*draw([1, 2, 3], 25, 0), *later(draw([1, 10, 11], 5, 1), 25)]
    assigned = profile.assign(np.stack([o.vector for o in observations]))
    shares = np.zeros((30, profile.topics))
    np.put_along_axis(shares, assigned.topics.astype(np.int64), assigned.shares / 65_535, axis=1)
    before, p0, alpha = shares[:25].sum(0), profile.background.astype(np.float64), profile.params.alpha
    ratios = np.log((alpha * p0 + before) @ shares[25:].T / (alpha + 25) / (p0 @ shares[25:].T))
    figures, _ = trace(
        profile.params,
        profile,
        assigned,
        np.ones(30, np.float32),
    )
    told = dict(zip(evidence.FEATURES, figures[-1], strict=True))
    np.testing.assert_allclose(told["surprise_5_topics"], np.clip(ratios, -3, 3).mean(), atol=1e-5)
    np.testing.assert_allclose(told["familiar_5_topics"], (ratios > 0).mean(), atol=1e-9)
    window = shares[25:].sum(0)
    cosine = window @ before / np.linalg.norm(window) / np.linalg.norm(before)
    # Weighted by the behaviours' own squared shares, the same as the cosine where each lies in few topics.
    np.testing.assert_allclose(told["overlap_5_topics"], cosine, atol=0.02)
    np.testing.assert_allclose(told["focus_5_topics"], window @ window / 25, atol=1e-5)
    np.testing.assert_allclose(told["log_age"], np.log(30))
    assert detector.MIN_HISTORY < 30
