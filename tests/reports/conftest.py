"""Made-up figures that look like real ones."""

import math

import numpy as np
import pytest

from service.reports import (
    Curve,
    Declared,
    Difference,
    Example,
    Figures,
    Interval,
    Planted,
    Row,
    RunLength,
    Source,
    Text,
    Topic,
    Trial,
)

DELAYS = (1, 2, 3, 5, 7, 10, 15, 20, 30, 40)
DETECTORS = {
    "Swerve": (0.93, 6.0),
    "Gaussian change points": (0.71, 9.0),
    "cosine distance between windows": (0.4, 16.0),
    "rate of movement": (0.33, 18.0),
    "normalised difference": (0.04, 30.0),
}
"""The share found in the end, and how slowly."""
SCRIPT = "<script>alert('x')</script> & \"quotes\" http://example.org/a.png"
CHINESE = "跑步, 越野, 鞋"


def figures() -> Figures:
    """A calibration of a shop's log."""
    return Figures(
        title="Swerve: calibration on a shop’s log",
        made_at="2026-02-11 09:30 UTC",
        version="0.1.0",
        command="swerve calibrate events.parquet --out shop.profile --behaviors-per-false-alarm 1000",
        model={"id": "all-MiniLM-L6-v2", "precision": "int8", "dimension": "384", "digest": "sha256:" + "9f3a" * 16},
        profile={
            "id": "p-5c1d",
            "topics": 200,
            "alpha": 8.0,
            "temperature": 0.1,
            "beta": 0.7,
            "forgetting": 0.9953,
            "hazard": 1 / 300,
            "recent": 30,
            "behaviors_per_false_alarm": 1000.0,
            "threshold": 4.2137,
        },
        source=Source(
            name="events.parquet",
            users=800,
            behaviors=123_456,
            texts=34_567,
            first="2025-01-01",
            last="2025-12-31",
            split={"fit": 400, "threshold": 200, "test": 200},
        ),
        planted=(
            planted("one user’s history joined to another’s", 1200, 1.0),
            planted("a user’s one set of categories joined to another set", 430, 0.8),
        ),
        run_lengths=(
            RunLength(100, 1.9, Interval(112, 97, 131)),
            RunLength(300, 3.1, Interval(290, 240, 352)),
            RunLength(1000, 4.2137, Interval(1080, 812, 1510)),
            RunLength(3000, 5.9, Interval(4100, 2300, None)),
            RunLength(10000, 7.7, Interval(None, 5200, None)),
        ),
        examples=(example("user 12", 120, 126), example("user 40", None, None), two_changes()),
        topics=tuple(
            Topic(n, f"{WORDS[n % 8]}, {WORDS[(n // 8) % 8]}", 0.08 * 0.95**n, TEXTS[n % 4 : n % 4 + 3])
            for n in range(83)
        ),
        trials=(
            Trial("topics", {"topics": 50, "alpha": 8.0, "temperature": 0.1}, 0.71, -3.912, False),
            Trial("topics", {"topics": 100, "alpha": 8.0, "temperature": 0.1}, 0.79, -3.654, False),
            Trial("topics", {"topics": 200, "alpha": 8.0, "temperature": 0.1}, 0.83, -3.512, True),
            Trial("topics", {"topics": 400, "alpha": 8.0, "temperature": 0.1}, 0.82, -3.549, False),
            Trial(
                "change points", {"beta": 0.5, "hazard": 1 / 300, "recent": 30, "forgetting": 0.9953}, 0.8, None, False
            ),
            Trial(
                "change points", {"beta": 0.7, "hazard": 1 / 300, "recent": 30, "forgetting": 0.9953}, 0.83, None, True
            ),
        ),
        notes=(
            "The log has no categories for 12 % of the behaviours; those took no part in the second kind of changes.",
        ),
    )


WORDS = (
    "running, trail, shoes",
    CHINESE,
    "coffee, espresso",
    "novel, crime",
    "camera, lens",
    "baby, stroller",
    "tea",
    "garden",
)
TEXTS = (
    "trail running shoes, men’s, size 43",
    "耐克 男子 越野跑鞋 防滑 透气",
    "espresso machine with grinder",
    SCRIPT,
    "the third volume of a crime series that has a rather long title, a subtitle, and a note about its cover",
    "baby stroller, foldable",
    "婴儿推车 轻便 折叠",
)


def planted(kind: str, changes: int, ease: float) -> Planted:
    curves, rows = [], []
    for name, (end, slowness) in DETECTORS.items():
        found = [ease * end * (1 - math.exp(-delay / slowness)) for delay in DELAYS]
        curves.append(
            Curve(
                name,
                DELAYS,
                tuple(found),
                tuple(x - 0.04 * x**0.5 for x in found),
                tuple(x + 0.04 * x**0.5 for x in found),
            )
        )
        for share, factor in ((0.05, 1.0), (0.01, 0.8)):
            five, ten, twenty = (interval(factor * found[DELAYS.index(delay)]) for delay in (5, 10, 20))
            rows.append(Row(name, share, five, ten, twenty, slowness / factor if end * factor * ease > 0.5 else None))
    return Planted(kind, changes, tuple(curves), tuple(rows))


def interval(value: float) -> Interval:
    return Interval(value, value - 0.04 * value**0.5, value + 0.04 * value**0.5)


def example(user: str, at: int | None, alarm: int | None) -> Example:
    random = np.random.default_rng(5)
    values = -6 + np.cumsum(random.normal(0, 0.5, 180)) * 0.3 + random.normal(0, 0.7, 180)
    values[:4] = (-20.0, -20.0, -12.0, -9.0)
    if at is None or alarm is None:
        return Example(user, tuple(values), 4.2137, None, ())
    values[at : alarm + 1] = np.linspace(-3, 6.4, alarm + 1 - at)
    values[alarm + 1 : alarm + 4] = (-20.0, -15.0, -9.0)
    return Example(user, tuple(map(float, values)), 4.2137, at, (declared(alarm, at + 1, 6.4, "novel"),))


def declared(position: int, began: int, log_odds: float, kind: str | None) -> Declared:
    parts = (1.94, 2.2, -0.6, 1.1, 3.05, 0.02)
    return Declared(
        position,
        began,
        kind,
        log_odds,
        tuple(Text(began + n, TEXTS[n], part) for n, part in enumerate(parts)),
        (Difference(CHINESE, 0.02, 0.61), Difference("running, trail, shoes", 0.004, 0.12)),
        (Difference("coffee, espresso", 0.34, 0.03), Difference(SCRIPT, 0.22, 0.01)),
    )


def two_changes() -> Example:
    values = np.full(300, -7.0) + np.sin(np.arange(300) / 7) + np.cos(np.arange(300) * 1.7)
    for alarm in (61, 66, 299):
        values[alarm - 4 : alarm + 1] = (-1, 1, 3, 4, 5)
    values[66] = math.inf
    values[:2] = -math.inf
    changes = (declared(61, 57, 5.0, "novel"), declared(66, 63, math.inf, "returning"), declared(299, 290, 5.0, None))
    return Example("用户 7", tuple(map(float, values)), 4.2137, 2, changes)


@pytest.fixture(name="figures")
def figures_fixture() -> Figures:
    return figures()
