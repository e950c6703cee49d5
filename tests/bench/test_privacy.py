"""The privacy benchmark's own parts, and that the pages say what was measured."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.privacy import page
from bench.privacy.measure import SHARE, budgets, deviation_at, measure
from bench.privacy.watch import RULES, cosines, step, window_distance
from service.calibration.population import Population
from service.detection.profile import Profile
from service.dp.accounting import epsilon_of
from service.evaluation.streams import Stream

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "bench" / "results" / "privacy"
DIM, USERS, LENGTH, CHANGE = 8, 30, 60, 30


def test_rules_look_at_the_past_alone_and_at_what_they_say() -> None:
    vectors = np.repeat(np.eye(2, 4, dtype=np.float32), 30, axis=0)
    assert step(vectors)[30] == pytest.approx(np.sqrt(2))
    assert np.argmax(window_distance(vectors, window=5)) == 34
    assert window_distance(vectors, window=5)[34] == pytest.approx(np.sqrt(2))
    noise = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
    for name, rule in RULES.items():
        whole, part = rule(noise), rule(noise[:45])
        np.testing.assert_allclose(whole[:45], part, atol=1e-6, err_msg=name)
        assert np.isneginf(whole[0]), name


def test_cosines_row_by_row() -> None:
    one = np.array([[1.0, 0.0], [0.0, 2.0], [0.0, 0.0]])
    assert cosines(one, np.array([[3.0, 0.0], [0.0, -1.0], [1.0, 0.0]])).tolist() == [1.0, -1.0, 0.0]


@pytest.fixture(scope="module")
def measured() -> dict[str, Any]:
    """Users of one of two topics, half of whom turn to the other."""
    profile = Profile(
        id="two", space="made-up", center=np.zeros(DIM, np.float32), projection=np.zeros((DIM, 0), np.float32), mix=0.0,
        prototypes=np.eye(4, DIM, dtype=np.float32), groups=np.arange(4, dtype=np.uint16),
        background=np.full(4, 0.25, np.float32), labels=("a", "b", "c", "d"), temperature=0.1, nearest=2,
        threshold=4.0, behaviors_per_false_alarm=1000.0,
    )  # fmt: skip
    rng = np.random.default_rng(4)
    vectors = np.repeat(np.eye(4, DIM, dtype=np.float32), 50, axis=0) + rng.normal(0, 0.15, (200, DIM))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)

    def history(user: int, change: int | None) -> Stream:
        topic = np.full(LENGTH, user % 4)
        topic[LENGTH if change is None else change :] = (user + 1) % 4
        items = topic * 50 + rng.integers(50, size=LENGTH)
        return Stream(f"u{user}", items, np.ones(LENGTH, np.float32), topic, change)

    calm, planted = [history(n, None) for n in range(USERS)], [history(n, CHANGE) for n in range(USERS)]
    population = Population([f"t{n}" for n in range(200)], vectors, calm)
    return measure(population, profile, planted, levels=(0.5, 1e5), seed=1, progress=lambda _what: None)


def test_little_noise_leaves_everything_and_much_leaves_nothing(measured: dict[str, Any]) -> None:
    exact, much, little, nothing = measured["watched"]
    assert measured["inside"]["value"] > 0.9
    assert exact["found"]["window distance 10"]["value"] > 0.9
    assert little["found"]["window distance 10"]["value"] > 0.9
    # Of 30 users at a threshold that 5 % of as many others exceed: more than six would be most unlikely by chance.
    assert much["found"]["window distance 10"]["value"] < 6 * SHARE
    assert exact["cosine"] == pytest.approx(1.0)
    assert exact["topics"] == 1.0
    assert little["cosine"] > 0.95
    assert abs(much["cosine"]) < 0.2
    assert abs(nothing["cosine"]) < 0.1
    assert little["deviation"] < 0.01
    assert much["deviation"] > 10


def test_levels_cost_what_they_are_called() -> None:
    assert epsilon_of([deviation_at(2.0)], 1e-6) == pytest.approx(2.0, rel=1e-4)
    told = {(one["epsilon"], one["releases"]): one["deviation"] for one in budgets()}
    assert told[8.0, 1] == pytest.approx(deviation_at(8.0))
    assert told[1.0, 100] is None
    assert told[64.0, 100] is not None


def test_the_page_and_the_documentation_say_what_was_measured(tmp_path: Path) -> None:
    result = json.loads((RESULTS / "privacy.json").read_text("utf-8"))
    assert not result["brief"]
    (tmp_path / "privacy.json").write_text(json.dumps(result), encoding="utf-8")
    page.write_page(tmp_path)
    for name in ("README.md", page.PLOT):
        assert (tmp_path / name).read_text("utf-8") == (RESULTS / name).read_text("utf-8"), "python -m bench.privacy"
    documented = (ROOT / "docs" / "differential-privacy.md").read_text("utf-8").splitlines()
    for line in [*page.main_table(result["figures"]), *page.settings_table(result["figures"])]:
        assert line in documented, "copy the tables of bench/results/privacy into docs/differential-privacy.md"
