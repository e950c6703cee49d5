"""What was found, in a few plain sentences with their numbers."""

from dataclasses import dataclass

from service.reports.figures import Figures, Planted, Row, RunLength
from service.reports.words import count, count_range, known, percent, percent_interval, percent_range, plural

HEADLINE_SHARE = 0.05
"""Share of falsely alarmed users at which the summary compares the detectors, or the nearest to it that there is."""
ASKED = "behaviors_per_false_alarm"
"""The profile's number that says which run length it was made for."""


@dataclass(frozen=True)
class Fact:
    """A number and the sentences that go on from it."""

    number: str
    about: str


def summary(figures: Figures) -> tuple[Fact, ...]:
    """One fact for each kind of planted changes, and one for the false alarms; those not measured are left out."""
    found = [fact for planted in figures.planted if (fact := _found(planted)) is not None]
    run_length = headline_run_length(figures)
    alarms = _false_alarms(run_length) if run_length is not None else None
    return (*found, alarms) if alarms is not None else tuple(found)


def headline_run_length(figures: Figures) -> RunLength | None:
    """The one that the profile was made for, if it says so, else the first."""
    asked = figures.profile.get(ASKED)
    meant = [length for length in figures.run_lengths if length.asked == asked]
    return next(iter((*meant, *figures.run_lengths)), None)


def headline_row(planted: Planted) -> Row | None:
    """The detector's own, at the false-alarm share nearest to `HEADLINE_SHARE`."""
    own = [row for row in planted.rows if row.detector == planted.detector]
    return min(own, key=lambda row: abs(row.false_alarm_share - HEADLINE_SHARE), default=None)


def best_baseline(planted: Planted, own: Row) -> Row | None:
    """The other detector that finds most within 20 behaviours at the same false-alarm share.

    A part of the one reported on, whose name begins with that one's and a comma, is no other.
    """
    at = percent(own.false_alarm_share)
    others = [
        (value, row)
        for row in planted.rows
        if row.detector != own.detector
        and not row.detector.startswith(f"{own.detector},")
        and percent(row.false_alarm_share) == at
        and (value := known(row.within_20.value)) is not None
    ]
    return max(others, key=lambda pair: pair[0], default=(0.0, None))[1]


def _found(planted: Planted) -> Fact | None:
    own = headline_row(planted)
    if own is None or known(own.within_20.value) is None:
        return None
    changes = plural(planted.changes, "planted change", "planted changes")
    sentences = [
        f"of {changes} ({planted.kind}) found within 20 behaviours{_interval(percent_range(own.within_20))}.",
        f"The threshold falsely alarms {percent(own.false_alarm_share)} of untouched users.",
    ]
    baseline = best_baseline(planted, own)
    if baseline is not None:
        sentences.append(f"The best baseline, {baseline.detector}, found {percent_interval(baseline.within_20)}.")
    if known(own.median_delay) is not None:
        sentences.append(f"Median delay: {count(own.median_delay)} behaviours.")
    return Fact(percent(own.within_20.value), " ".join(sentences))


def _false_alarms(length: RunLength) -> Fact | None:
    measured, low = known(length.measured.value), known(length.measured.low)
    if measured is None:
        if low is None:
            return None
        about = "behaviours per false alarm, at least, on untouched users that took no part in setting the threshold."
        return Fact(f"≥ {count(low)}", f"{about} Asked for: {count(length.asked)}.")
    about = (
        "behaviours per false alarm on untouched users that took no part in setting the threshold"
        f"{_interval(count_range(length.measured))}. Asked for: {count(length.asked)}{_verdict(length)}."
    )
    return Fact(count(measured), about)


def _verdict(length: RunLength) -> str:
    low, high = known(length.measured.low), known(length.measured.high)
    if low is None:
        return ""
    if low > length.asked:
        return "; there were fewer false alarms than that allows"
    if high is not None and high < length.asked:
        return "; there were more false alarms than that allows"
    return ", which the interval contains"


def _interval(ends: str) -> str:
    return f" (95\N{NO-BREAK SPACE}% interval {ends})" if ends else ""
