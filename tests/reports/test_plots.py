"""The drawings' limits, from values that no drawing would survive as they are."""

import doctest
import math
from dataclasses import replace
from types import ModuleType

import pytest

from service.reports import (
    Curve,
    Figures,
    Interval,
    Planted,
    RunLength,
    canvas,
    curves,
    page,
    run_lengths,
    series,
    words,
)
from service.reports.figures import Example


def example(*log_odds: float, threshold: float = 4.0, planted: int | None = None) -> Example:
    return Example("user 1", log_odds, threshold, planted, ())


@pytest.mark.parametrize("module", [canvas, curves, page, words])
def test_the_examples_in_the_docstrings(module: ModuleType) -> None:
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0


def test_the_first_log_odds_do_not_flatten_the_rest() -> None:
    low, high = series.limits(example(*[-20.0] * 3, *[-6.0] * 97))
    assert low == -8.0
    assert high == 6.0  # the threshold and some room
    assert series.is_clipped(example(*[-20.0] * 3, *[-6.0] * 97))
    assert not series.is_clipped(example(-6.0, -6.0))


@pytest.mark.parametrize(
    "values",
    [
        (-math.inf, -20.0, 1e308, math.inf),
        (math.nan, math.nan),
        (math.inf,),
        (-1e308, 1e308),
        (0.0,),
        (-20.0, -20.0, -20.0),
    ],
)
@pytest.mark.parametrize("threshold", [4.0, math.inf, -300.0, math.nan])
def test_any_log_odds_can_be_drawn(values: tuple[float, ...], threshold: float) -> None:
    given = example(*values, threshold=threshold, planted=0)
    low, high = series.limits(given)
    assert -1000 < low < high < 1000
    svg = series.series(given, "x")
    assert "planted" in svg
    assert "nan" not in svg.replace("planted", "")


def test_changes_outside_the_history_do_no_harm(figures: Figures) -> None:
    given = figures.examples[0]
    far = replace(given.changes[0], position=9999, began=-5)
    assert "9999" in series.series(replace(given, changes=(far,)), "x")


def test_a_run_length_that_cannot_be_drawn_is_left_out() -> None:
    unknown = [
        RunLength(100, 1.0, Interval(None, None, None)),
        RunLength(100, 1.0, Interval(0.0, 0.0, 0.0)),
        RunLength(0, 1.0, Interval(90.0, 80.0, 100.0)),
        RunLength(100, 1.0, Interval(math.inf, None, None)),
    ]
    assert run_lengths.asked_and_measured(unknown, "x") is None
    svg = run_lengths.asked_and_measured([*unknown, RunLength(1000, 4.0, Interval(None, 900, None))], "x")
    assert svg is not None
    assert "Asked 1,000: at least 900." in svg
    assert "Asked 100" not in svg


def test_curves_without_points_are_named_by_none() -> None:
    nothing = Curve("empty", (), (), (), ())
    unknown = Curve("unknown", (5, 10), (math.nan, math.nan), (math.nan, math.nan), (math.nan, math.nan))
    good = Curve("good", (5, 10), (0.5, 0.6), (0.4, 0.5), (0.6, 0.7))
    svg = curves.found_by_delay(Planted("joined", 3, (nothing, unknown, good), ()), "x")
    assert "good</text>" in svg
    assert "empty</text>" not in svg
    assert "unknown</text>" not in svg


def test_a_label_has_two_lines_at_most() -> None:
    assert curves.label("a name of a detector that goes on and on without an end").splitlines() == [
        "a name of a",
        "detector that…",
    ]
    assert all(len(line) <= 9 for line in curves.label("滑动窗口之间的余弦距离检测").splitlines())
    assert not curves.label("")


def test_many_labels_stay_in_the_drawing() -> None:
    places = canvas.spread([0.5] * 50, 0.1, 0.0, 1.0)
    assert min(places) >= -1e-9
    assert max(places) <= 1 + 1e-9
    assert len(set(places)) == 50
