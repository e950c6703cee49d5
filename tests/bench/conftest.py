"""A year made by hand: two regimes, one change."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from swerve_client.models import Change, TopicDifference, TopicShare

from bench.household.data import Basket, Line
from bench.household.replay import Alarm, Because, Point, Year

START = datetime(2017, 1, 1, 9, tzinfo=UTC)
BASKETS, CHANGED = 60, 40
BEFORE, AFTER = "bread, flour, oven", "camera, lens, film"


@pytest.fixture
def year() -> Year:
    numbers = np.random.default_rng(1)
    baskets = [_basket(n) for n in range(BASKETS)]
    return Year(
        household=1,
        baskets=tuple(baskets),
        alarms=(_alarm(baskets[CHANGED + 2]),),
        points=tuple(
            Point(
                at=basket.occurred_at,
                log_odds=3.0 if n == CHANGED + 2 else -7.0,
                threshold=1.4,
                status="ok" if n > 5 else "warming_up",
                topics=(TopicShare(topic=1, label=BEFORE if n < CHANGED else AFTER, share=0.4),),
                z=numbers.normal(n >= CHANGED, 0.1, 16).astype(np.float32),
            )
            for n, basket in enumerate(baskets)
        ),
    )


def _basket(number: int) -> Basket:
    text, category = ("rye bread", "bread") if number < CHANGED else ("single use camera", "film")
    return Basket(START + timedelta(days=3 * number), (Line(f"{number}-1", text, category),))


def _alarm(basket: Basket) -> Alarm:
    change = Change(
        behaviors_per_false_alarm=1000.0,
        behaviors_since=3,
        changed_at=basket.occurred_at - timedelta(days=6),
        detector="bayes",
        first_event_id=f"{CHANGED}-1",
        kind="novel",
        log_odds=3.0,
        probability=0.95,
        threshold=1.4,
    )
    return Alarm(
        declared_at=basket.occurred_at,
        change=change,
        gained=(TopicDifference(topic=2, label=AFTER, before=0.001, after=0.4),),
        lost=(TopicDifference(topic=1, label=BEFORE, before=0.4, after=0.001),),
        because=(Because(basket.lines[0], 2.5), Because(Line("0-1", "rye bread", "bread"), -0.5)),
    )
