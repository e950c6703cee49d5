"""Novelty against the definition written out: sets of what was known, and a ratio of two rates."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from service.detection.evidence import FEATURES
from service.detection.kernels import OFTEN, PACE, SELDOM, STRETCH, WINDOWS
from service.detection.profile import Profile
from service.detection.topics import WHOLE, Assignment
from service.detection.trace import trace

MEMORY = 120
"""Behaviours that are kept one by one: less than the histories here have."""


def assigned(topics: list[int], nearest: int = 5) -> Assignment:
    """Behaviours each wholly on one topic."""
    shares = np.zeros((len(topics), nearest), np.uint16)
    shares[:, 0] = WHOLE
    return Assignment(np.array([[topic] * nearest for topic in topics], np.uint16), shares)


def rate(returns: float, of: float) -> float:
    return float(np.clip((returns + 1.0) / (of + 2.0), SELDOM, OFTEN))


def by_definition(topics: list[int], weights: list[float]) -> dict[str, float]:
    """Of the newest behaviour, by names of windows."""
    n, out = len(topics), {"most": 0.0} | {str(window): 0.0 for window in WINDOWS}

    def known_before(at: int) -> set[int]:
        return {topic for topic, weight in zip(topics[:at], weights[:at], strict=True) if weight > 0}

    for size in range(1, min(STRETCH, n - 1) + 1):
        start = n - size
        known = known_before(start)
        back = sum(w for t, w in zip(topics[start:], weights[start:], strict=True) if t in known)
        new = sum(weights[start:]) - back
        pace = range(max(start - PACE, 0), start)
        usual = rate(sum(weights[i] for i in pace if topics[i] in known_before(i)), sum(weights[i] for i in pace))
        shown = new * np.log((1 - SELDOM) / (1 - usual)) + back * np.log(SELDOM / usual)
        out["most"] = max(out["most"], shown)
        if str(size) in out:
            out[str(size)] = shown
    return out


def figures(profile: Profile, topics: list[int], weights: list[float]) -> NDArray[np.float64]:
    numbers = replace(profile.params, memory=MEMORY)
    return trace(numbers, profile, assigned(topics), np.array(weights, np.float32))[0]


def told(profile: Profile, topics: list[int], weights: list[float], level: str) -> dict[str, float]:
    last = dict(zip(FEATURES, figures(profile, topics, weights)[-1], strict=True))
    return {str(stretch): last[f"novelty_{stretch}_{level}"] for stretch in ("most", *WINDOWS)}


@pytest.mark.parametrize("length", [1, 2, 7, 40, 110, 300])
@pytest.mark.parametrize("seed", range(3))
def test_novelty_is_what_its_definition_says(profile: Profile, length: int, seed: int) -> None:
    """Longer histories than are kept one by one, too: what is older is known by its counts."""
    rng = np.random.default_rng((length, seed))
    topics = rng.choice(rng.permutation(40)[:25], length).tolist()
    weights = rng.choice([0.5, 1.0, 2.0], length).tolist()
    for level, groups in (("topics", list(range(40))), ("groups", profile.groups.tolist())):
        expected = by_definition([groups[topic] for topic in topics], weights)
        found = told(profile, topics, weights, level)
        assert found == pytest.approx(expected, abs=1e-4), level


def test_what_is_weightless_makes_nothing_known(profile: Profile) -> None:
    before = [1, 2, 3] * 20
    weightless = told(profile, [*before, 9, *([9] * 5)], [*([1.0] * 60), 0.0, *([1.0] * 5)], "topics")
    known = told(profile, [*before, 9, *([9] * 5)], [*([1.0] * 60), 1.0, *([1.0] * 5)], "topics")
    assert weightless["5"] > 0.0 > known["5"]


def test_a_new_interest_is_most_novel_from_its_beginning_on(profile: Profile) -> None:
    """A user who comes back to what is known, then ten behaviours on something else: they show most together.

    The newest five of them come back to what the five before them were on.
    """
    topics = [1, 2, 3, 4] * 20 + [10, 11, 12, 10, 11, 13, 12, 10, 11, 12]
    found = told(profile, topics, [1.0] * len(topics), "topics")
    assert found["most"] == found["10"] > found["20"]
    assert found["10"] > 10.0
    assert found["5"] < 0.0


def test_who_never_comes_back_is_not_new_for_it(profile: Profile) -> None:
    """Each behaviour on another topic: nothing is more novel than what such a user always does."""
    wanderer = told(profile, list(range(40)), [1.0] * 40, "topics")
    homebody = told(profile, [*([0] * 20), *range(1, 21)], [1.0] * 40, "topics")
    assert wanderer["most"] < 2.0
    assert homebody["most"] > 20.0


def test_a_forgotten_topic_is_new_again(profile: Profile) -> None:
    """Beyond what is kept one by one, counts fade: with forgetting, half a behaviour is left of one soon."""
    topics = [7, *([1, 2, 3] * 50), *([7] * 5)]
    weights = [1.0] * len(topics)
    assert told(profile, topics, weights, "topics")["5"] < 0.0
    forgetful = replace(profile, params=replace(profile.params, forget=0.98))
    assert told(forgetful, topics, weights, "topics")["5"] > 0.0
