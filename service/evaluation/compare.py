"""Detectors side by side: how many planted changes each finds at the same share of falsely alarmed users."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from service.evaluation.judges import Judge
from service.evaluation.measures import (
    SHARES,
    Estimate,
    Floats,
    Series,
    delays,
    found_within,
    highest,
    run_length_estimate,
    threshold_at,
)
from service.evaluation.streams import FOLLOWED, Stream
from service.reports import Curve, Interval, Planted, Row, RunLength

DELAYS = (1, 2, 3, 5, 7, 10, 12, 15, 17, 20, 25, 30, FOLLOWED)


def compare(
    judges: Mapping[str, Judge],
    untouched: Sequence[Stream],
    planted: Mapping[str, Sequence[Stream]],
    rng: np.random.Generator,
    progress: Callable[[str], None] = lambda _what: None,
) -> tuple[Planted, ...]:
    """Every detector on every kind of planted change.

    Args:
        judges: detectors by name, the one reported on first.
        untouched: histories that set each detector's threshold.
        planted: histories with changes, by kind.
        rng: of the bootstrap.
        progress: told which detector is at work.
    """
    rows: dict[str, list[Row]] = {kind: [] for kind in planted}
    curves: dict[str, list[Curve]] = {kind: [] for kind in planted}
    for name, judge in judges.items():
        progress(name)
        calm = [judge(stream) for stream in untouched]
        for kind, streams in planted.items():
            series, changes = [judge(stream) for stream in streams], [stream.change or 0 for stream in streams]
            for share in SHARES:
                threshold = threshold_at(calm, share)
                # What alarms on everyone alike has one threshold only, whatever share is asked for.
                waits = delays(series, changes, threshold if np.isfinite(threshold) else -np.inf)
                rows[kind].append(_row(name, share, waits, rng))
                if share == SHARES[0]:
                    curves[kind].append(_curve(name, waits, rng))
    return tuple(Planted(kind, len(planted[kind]), tuple(curves[kind]), tuple(rows[kind])) for kind in planted)


def _row(name: str, share: float, waits: Floats, rng: np.random.Generator) -> Row:
    five, ten, twenty = (interval(found_within(waits, behaviors, rng)) for behaviors in (5, 10, 20))
    median = float(np.median(waits))
    return Row(name, share, five, ten, twenty, median if np.isfinite(median) else None)


def _curve(name: str, waits: Floats, rng: np.random.Generator) -> Curve:
    estimates = [found_within(waits, delay, rng) for delay in DELAYS]
    return Curve(
        name,
        DELAYS,
        tuple(e.value for e in estimates),
        tuple(e.low for e in estimates),
        tuple(e.high for e in estimates),
    )


def interval(estimate: Estimate) -> Interval:
    """An estimate as a report shows it; what is infinite was not measured."""
    value, low, high = (x if np.isfinite(x) else None for x in (estimate.value, estimate.low, estimate.high))
    return Interval(value, low, high)


def alarmed(judge: Judge, untouched: Sequence[Stream], others: Sequence[Stream]) -> float:
    """Share of other users that a detector alarms on at the threshold where 5 % of the untouched ones are."""
    threshold = threshold_at([judge(stream) for stream in untouched], SHARES[0])
    return float(np.mean(highest([judge(stream) for stream in others]) > threshold))


def run_lengths(
    series: Series, ladder: Sequence[tuple[float, float]], rng: np.random.Generator
) -> tuple[RunLength, ...]:
    """Behaviours per false alarm, asked and measured.

    Args:
        series: log-odds of untouched users that the thresholds were not chosen on.
        ladder: pairs of a run length and the threshold for it.
        rng: of the bootstrap.
    """
    return tuple(
        RunLength(asked, threshold, interval(run_length_estimate(series, threshold, rng)))
        for asked, threshold in ladder
    )
