"""The page: what the templates are given, and how they are filled."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from service.reports import curves, run_lengths, series, words
from service.reports.figures import Declared, Difference, Example, Figures, Planted, Row, Text, Topic, Trial
from service.reports.summary import summary

SHOWN_TOPICS = 60
"""The largest ones; the rest are folded."""
SHOWN_TRIALS = 40
"""With more of them, only the chosen are shown and all are folded."""


@dataclass(frozen=True)
class Bar:
    """From where and how far a bar goes, in percent of its cell; where zero is; and whether it goes left of that."""

    start: float
    width: float
    zero: float = 0.0
    negative: bool = False


@dataclass(frozen=True)
class PlantedView:
    """One kind of planted changes, drawn, its rows by false-alarm share."""

    planted: Planted
    plot: Markup | None
    groups: tuple[tuple[str, tuple[Row, ...]], ...]


@dataclass(frozen=True)
class ChangeView:
    """A declared change, with a bar for each text and each topic."""

    change: Declared
    because: tuple[tuple[Text, Bar], ...]
    topics: tuple[tuple[str, tuple[tuple[Difference, Bar], ...]], ...]


@dataclass(frozen=True)
class ExampleView:
    """A user, drawn, with what there is to say of each change."""

    example: Example
    plot: Markup | None
    clipped: bool
    delay: int | None
    changes: tuple[ChangeView, ...]


def render(figures: Figures) -> str:
    """The whole page."""
    environment = Environment(
        loader=PackageLoader("service.reports"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters |= {
        name: getattr(words, name)
        for name in ("count", "count_interval", "number", "percent", "percent_range", "plural", "signed")
    }
    topics = sorted(figures.topics, key=lambda topic: (-topic.share, topic.topic))
    return environment.get_template("report.html").render(
        figures=figures,
        facts=summary(figures),
        planted=[_planted(planted, f"found-{n}") for n, planted in enumerate(figures.planted, 1)],
        run_lengths_plot=run_lengths.asked_and_measured(figures.run_lengths, "run-lengths"),
        examples=[_example(example, f"user-{n}") for n, example in enumerate(figures.examples, 1)],
        topics=_topics(topics[:SHOWN_TOPICS], topics),
        folded_topics=_topics(topics[SHOWN_TOPICS:], topics),
        **_trials(figures.trials),
    )


def _planted(planted: Planted, name: str) -> PlantedView:
    plot = curves.found_by_delay(planted, name) if planted.curves else None
    ordered = sorted(planted.rows, key=lambda row: -row.false_alarm_share)  # stable: the detectors stay in their order
    groups = groupby(ordered, key=lambda row: words.percent(row.false_alarm_share))
    return PlantedView(planted, plot, tuple((share, tuple(rows)) for share, rows in groups))


def _example(example: Example, name: str) -> ExampleView:
    plot = series.series(example, name) if example.log_odds else None
    later = [change.position for change in example.changes if change.position >= (example.planted or 0)]
    delay = min(later) - example.planted if later and example.planted is not None else None
    return ExampleView(example, plot, series.is_clipped(example), delay, tuple(map(_change, example.changes)))


def _change(change: Declared) -> ChangeView:
    bars = contribution_bars([part.log_odds for part in change.because])
    topics = (("gained", change.gained), ("lost", change.lost))
    largest = max((max(topic.before, topic.after) for _, rows in topics for topic in rows), default=1.0)
    return ChangeView(
        change,
        tuple(zip(change.because, bars, strict=True)),
        tuple((what, tuple((topic, _moved(topic, largest)) for topic in rows)) for what, rows in topics if rows),
    )


def contribution_bars(values: Sequence[float]) -> list[Bar]:
    """On one scale, from where zero is; what is infinite goes to the end, and what is no number has no width.

    >>> contribution_bars([3.0, -1.0])
    [Bar(start=25.0, width=75.0, zero=25.0, negative=False), Bar(start=0.0, width=25.0, zero=25.0, negative=True)]
    """
    largest = max((abs(value) for value in values if math.isfinite(value)), default=0.0) or 1.0
    finite = [0.0 if math.isnan(value) else min(max(value, -largest), largest) for value in values]
    low, high = min((0.0, *finite)), max((0.0, *finite))
    zero, scale = _share(-low, high - low), high - low
    return [
        Bar(zero if value >= 0 else round(zero - _share(-value, scale), 2), _share(abs(value), scale), zero, value < 0)
        for value in finite
    ]


def _moved(topic: Difference, largest: float) -> Bar:
    """From the smaller share to the larger one."""
    low, high = sorted((topic.before, topic.after))
    return Bar(_share(low, largest), _share(high - low, largest), negative=topic.after < topic.before)


def _topics(shown: Sequence[Topic], every: Sequence[Topic]) -> list[tuple[Topic, Bar]]:
    """All on one scale, the folded ones too."""
    largest = max((topic.share for topic in every), default=1.0)
    return [(topic, Bar(0.0, _share(topic.share, largest))) for topic in shown]


def _trials(trials: Sequence[Trial]) -> dict[str, list[Trial]]:
    if len(trials) <= SHOWN_TRIALS:
        return {"trials": list(trials), "folded_trials": []}
    return {"trials": [trial for trial in trials if trial.chosen], "folded_trials": list(trials)}


def _share(part: float, whole: float) -> float:
    """In percent, short enough to read in the page's source."""
    share = 100 * part / whole if whole > 0 else 0.0
    return round(min(max(share, 0.0), 100.0), 2) if math.isfinite(share) else 0.0
