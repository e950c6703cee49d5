"""What a report shows, as plain values. Shares are of 0 to 1, log-odds are natural, positions count from 0."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Interval:
    """A measured value and its 95 % bootstrap interval; None is what could not be measured.

    With a `low` and without a `value`, all that is known is that it is at least `low`.
    """

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Source:
    """The log.

    Attributes:
        name: of the log, such as its file name.
        users: how many there are.
        behaviors: how many, of all users.
        texts: how many different ones.
        first: time of the earliest behaviour, as it should be shown.
        last: time of the latest.
        split: users of each part, such as `{"fit": 400, "threshold": 200, "test": 200}`.
    """

    name: str
    users: int
    behaviors: int
    texts: int
    first: str
    last: str
    split: dict[str, int]


@dataclass(frozen=True)
class Curve:
    """Share of the planted changes that a detector found within so many behaviours.

    Attributes:
        detector: its name.
        delays: behaviours after the change, ascending.
        found: share found within each delay.
        low: lower ends of the 95 % intervals.
        high: upper ends.
    """

    detector: str
    delays: tuple[int, ...]
    found: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


@dataclass(frozen=True)
class Row:
    """How well a detector finds planted changes at a share of falsely alarmed users.

    Attributes:
        detector: its name.
        false_alarm_share: share of untouched users that it alarms on, which its threshold was set for.
        within_5: share of the changes found within 5 behaviours.
        within_10: within 10.
        within_20: within 20.
        median_delay: behaviours until half of the changes are found; None where that never happens.
    """

    detector: str
    false_alarm_share: float
    within_5: Interval
    within_10: Interval
    within_20: Interval
    median_delay: float | None


@dataclass(frozen=True)
class Planted:
    """One kind of planted changes.

    Attributes:
        kind: how they were planted, such as "one user's history joined to another's".
        changes: how many.
        curves: of every detector, all at one rate of false alarms. The first is of the detector that is reported on.
        rows: of several detectors at several false-alarm shares. Without curves, the first is of the one reported on.
    """

    kind: str
    changes: int
    curves: tuple[Curve, ...]
    rows: tuple[Row, ...]

    @property
    def detector(self) -> str | None:
        """Name of the one that is reported on; the others are baselines."""
        names = [curve.detector for curve in self.curves] + [row.detector for row in self.rows]
        return names[0] if names else None


@dataclass(frozen=True)
class RunLength:
    """Behaviours per false alarm at a threshold.

    Attributes:
        asked: what the threshold was set for.
        threshold: log-odds.
        measured: on untouched users held out from the setting of the threshold.
    """

    asked: float
    threshold: float
    measured: Interval


@dataclass(frozen=True)
class Text:
    """A behaviour and what it added to the log-odds of a change."""

    position: int
    text: str
    log_odds: float


@dataclass(frozen=True)
class Difference:
    """A topic's share of the interest before a change and after it."""

    label: str
    before: float
    after: float


@dataclass(frozen=True)
class Declared:
    """A change as it was declared.

    Attributes:
        position: of the behaviour at which it was declared.
        began: of the first behaviour of the new interest, as estimated.
        kind: `novel`, `returning` or None.
        log_odds: at that behaviour.
        because: behaviours that speak for or against the change.
        gained: topics with a larger share than before.
        lost: topics with a smaller one.
    """

    position: int
    began: int
    kind: str | None
    log_odds: float
    because: tuple[Text, ...]
    gained: tuple[Difference, ...]
    lost: tuple[Difference, ...]


@dataclass(frozen=True)
class Example:
    """One user's history under the detector.

    Attributes:
        user: a pseudonym, such as "user 12".
        log_odds: one for each behaviour.
        threshold: above which a change is declared.
        planted: position of the planted change's first behaviour, if one was planted.
        changes: those declared, in order.
    """

    user: str
    log_odds: tuple[float, ...]
    threshold: float
    planted: int | None
    changes: tuple[Declared, ...]


@dataclass(frozen=True)
class Topic:
    """A topic of the profile: its number, the terms that set it apart, its share of all behaviours and some texts."""

    topic: int
    label: str
    share: float
    examples: tuple[str, ...]


@dataclass(frozen=True)
class Trial:
    """Numbers that were tried.

    Attributes:
        what: the step of the calibration that it belongs to.
        numbers: by name.
        found: share of planted changes found with them, where that was measured.
        log_likelihood: of held-out behaviours, where that was measured.
        chosen: whether the profile has them.
    """

    what: str
    numbers: dict[str, float]
    found: float | None
    log_likelihood: float | None
    chosen: bool


@dataclass(frozen=True)
class Figures:
    """Everything in a report. What is empty is left out of the page.

    Attributes:
        title: of the page.
        made_at: when, as it should be shown. Nothing else in the page depends on the time.
        version: of Swerve.
        command: as it was given.
        model: what there is to say of the encoder.
        profile: its numbers; `behaviors_per_false_alarm`, if there, says which run length is in the summary.
        source: the log.
        planted: one for each kind of planted changes.
        run_lengths: without a hint in `profile`, the first is in the summary.
        examples: a few users.
        topics: all of the profile's.
        trials: in the order in which they were made.
        notes: whatever the reader should know besides.
    """

    title: str
    made_at: str
    version: str
    command: str
    model: dict[str, str]
    profile: dict[str, float | int | str]
    source: Source
    planted: tuple[Planted, ...]
    run_lengths: tuple[RunLength, ...]
    examples: tuple[Example, ...]
    topics: tuple[Topic, ...]
    trials: tuple[Trial, ...]
    notes: tuple[str, ...]
