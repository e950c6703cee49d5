"""The sentences at the top say the numbers that were measured."""

import math
from dataclasses import replace

import pytest

from service.reports import Figures, Interval, Planted, Row, RunLength
from service.reports.summary import summary

UNKNOWN = Interval(None, None, None)


def row(detector: str, share: float, value: float | None, median_delay: float | None = None) -> Row:
    within = UNKNOWN if value is None else Interval(value, value - 0.04, value + 0.04)
    return Row(detector, share, UNKNOWN, UNKNOWN, within, median_delay)


def sentences(figures: Figures) -> list[tuple[str, str]]:
    return [(fact.number.replace("\xa0", " "), fact.about.replace("\xa0", " ")) for fact in summary(figures)]


@pytest.fixture
def only(figures: Figures) -> Figures:
    rows = (
        row("Swerve", 0.01, 0.7),
        row("windows", 0.01, 0.99),
        row("windows", 0.05, 0.35),
        row("Swerve", 0.05, 0.83, 7.0),
        row("gaussian", 0.05, 0.62),
        row("unmeasured", 0.05, None),
        row("odd", 0.05, math.nan),
    )
    return replace(
        figures,
        planted=(Planted("histories joined", 1200, (), rows),),
        run_lengths=(RunLength(100, 1.0, Interval(90, 80, 99)), RunLength(1000, 4.0, Interval(1080, 812, 1510))),
    )


def test_what_was_found_beside_the_best_baseline_and_the_false_alarms(only: Figures) -> None:
    assert sentences(only) == [
        (
            "83 %",
            (
                "of 1,200 planted changes (histories joined) found within 20 behaviours (95 % interval 79–87). "
                "The threshold falsely alarms 5 % of untouched users. "
                "The best baseline, gaussian, found 62 % (58–66). Median delay: 7 behaviours."
            ),
        ),
        (
            "1,080",
            (
                "behaviours per false alarm on untouched users that took no part in setting the threshold "
                "(95 % interval 812–1,510). Asked for: 1,000, which the interval contains."
            ),
        ),
    ]


def test_without_baselines_only_the_detector_is_spoken_of(only: Figures) -> None:
    alone = replace(only, planted=(Planted("histories joined", 1, (), (row("Swerve", 0.05, 1.0),)),))
    ((number, about), _) = sentences(alone)
    assert number == "100 %"
    assert about.startswith("of 1 planted change (histories joined) found")
    assert "baseline" not in about
    assert "Median" not in about


def test_the_first_curve_says_whose_report_it_is(figures: Figures) -> None:
    first, *others = figures.planted[0].curves
    planted = replace(figures.planted[0], curves=(*others, first))
    ((_, about), *_) = sentences(replace(figures, planted=(planted,)))
    assert "The best baseline, Swerve, found" in about


@pytest.mark.parametrize(
    ("measured", "number", "verdict"),
    [
        (Interval(1500, 1200, 1900), "1,500", "Asked for: 1,000; there were fewer false alarms than that allows."),
        (Interval(500, 400, 700), "500", "Asked for: 1,000; there were more false alarms than that allows."),
        (Interval(1500, 900, None), "1,500", "Asked for: 1,000, which the interval contains."),
        (Interval(1500, None, None), "1,500", "Asked for: 1,000."),
        (Interval(None, 5200, None), "≥ 5,200", "Asked for: 1,000."),
        (Interval(math.inf, 5200, math.inf), "≥ 5,200", "Asked for: 1,000."),
    ],
)
def test_false_alarms(measured: Interval, number: str, verdict: str, only: Figures) -> None:
    *_, (found, about) = sentences(replace(only, run_lengths=(RunLength(1000, 4.0, measured),)))
    assert found == number
    assert about.endswith(verdict)


def test_what_was_not_measured_is_not_spoken_of(only: Figures) -> None:
    planted = (Planted("a", 3, (), ()), Planted("b", 3, (), (row("Swerve", 0.05, None),)))
    assert not sentences(replace(only, planted=planted, run_lengths=(RunLength(1000, 4.0, UNKNOWN),)))
    assert not sentences(replace(only, planted=(), run_lengths=()))


def test_without_a_word_from_the_profile_the_first_run_length_is_taken(only: Figures) -> None:
    *_, (number, _) = sentences(replace(only, profile={}))
    assert number == "90"
