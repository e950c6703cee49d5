"""The detection benchmark's own parts: made-up users, and the tables of its results."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.detection.made_up import NOISE, made_up
from bench.detection.tables import write_tables

POOLS = [np.arange(100 * k, 100 * k + 100) for k in range(40)]


def test_a_made_up_user_has_few_subjects_and_changes_where_it_says() -> None:
    rng = np.random.default_rng(0)
    for n in range(30):
        user = made_up(rng, POOLS, f"u{n}", length=400, change=200)
        np.testing.assert_array_equal(user.items // 100, user.categories)
        before, after = (np.bincount(side, minlength=40) for side in (user.categories[:200], user.categories[200:]))
        mine, theirs = np.flatnonzero(before > 8), np.flatnonzero(after > 8)
        assert 1 <= len(mine) <= 6
        assert not set(mine) & set(theirs)
        assert before[mine].sum() >= (1.0 - 2.5 * NOISE) * 200
        assert user.change == 200


def test_a_sticky_user_stays_with_a_subject() -> None:
    rng = np.random.default_rng(1)
    stays = [
        np.mean(
            [np.mean(np.diff(made_up(rng, POOLS, "u", length=200, sticky=sticky).categories) == 0) for _ in range(30)]
        )
        for sticky in (0.0, 0.5)
    ]
    assert stays[1] > stays[0] + 0.2


def interval(value: float) -> dict[str, float]:
    return {"value": value, "low": value - 0.05, "high": value + 0.05}


@pytest.fixture
def result() -> dict[str, Any]:
    def row(detector: str, share: float, found: float) -> dict[str, Any]:
        return {
            "detector": detector, "false_alarm_share": share, "within_5": interval(found / 3),
            "within_10": interval(found / 2), "within_20": interval(found),
            "median_delay": 9.0 if found > 0.5 else None,
        }  # fmt: skip

    def curve(detector: str, found: float) -> dict[str, Any]:
        up = [found * at for at in (0.2, 0.6, 1.0, 1.0)]
        return {"detector": detector, "delays": [5, 10, 20, 40], "found": up, "low": up, "high": up}

    names = {"Swerve": 0.8, "Swerve, Bayes alone": 0.7, "window cosine 10": 0.3, "never": 0.0}
    return {
        "source": "topics", "date": "2026-01-01", "machine": "a machine", "versions": {"numpy": "2"},
        "users": {"fit": 10, "test": 20}, "behaviors": {"fit": 1000, "test": 2000}, "texts": 300,
        "calibrated_in_seconds": 5.0,
        "profile": {"topics": 100, "temperature": 0.1, "mix": 0.5, "nearest": 5,
                    "choice": {"by_category": True},
                    "params": {"alpha": 10.0, "beta": 1.0, "forget": 1.0, "hazard": 0.005, "recent": 25}},
        "planted": [{
            "kind": "joined", "changes": 50, "curves": [curve(name, found) for name, found in names.items()],
            "rows": [row(name, s, found * 20 * s) for name, found in names.items() for s in (0.05, 0.01)],
        }],
        "offline": {"joined": {"0.05": 0.9, "0.01": 0.85}},
        "run_lengths": [{"asked": 1000.0, "threshold": 1.0, "measured": {"value": None, "low": 800.0, "high": None}}],
        "drift": {"behaviors": 200, "users": 20,
                  "random order": {"drifting": interval(0.3), "stationary": interval(0.07)},
                  "own order": {"drifting": interval(0.35), "stationary": interval(0.32)},
                  "where 5 % of the stationary are alarmed": {"Swerve": 0.25}},
        "as_shipped": {"joined": {"found_within_20": 0.75, "median_delay": 8.0, "beginning_within_3": 0.9,
                                  "alarmed_before_the_change": 0.02}},
    }  # fmt: skip


def test_the_tables_say_what_was_measured(result: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "topics.json").write_text(json.dumps(result), encoding="utf-8")
    write_tables(tmp_path)
    page = (tmp_path / "README.md").read_text("utf-8")
    assert "| **Swerve** | **27% (22–32)** | **40% (35–45)** | **80% (75–85)** | **9** |" in page
    assert "| window cosine 10 | 10% (5–15) | 15% (10–20) | 30% (25–35) | never |" in page
    assert "| ruptures kernel, offline | | | 90% | | | | 85% |" in page
    assert "| 1,000 | ∞ (800–∞) |" in page
    assert "K 100, by category, τ 0.1" in page
    assert "alibi online MMD was not run here" in page
    assert "| random order | 30% (25–35) | 7% (2–12) |" in page
    assert "| own order | 35% (30–40) | 32% (27–37) |" in page
    drawn = (tmp_path / "topics.svg").read_text("utf-8")
    assert "window cosine 10" in drawn
    write_tables(tmp_path)
    assert (tmp_path / "topics.svg").read_text("utf-8") == drawn
