"""From counts of changes to the shifts of a domain's population. No I/O."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from service.detection.profile import Profile
from service.populations import shifts
from service.populations.repository import WINDOWS, HourlyCount, WindowCount
from service.populations.shifts import Baseline, Counts

BASELINE = timedelta(days=28)
"""How long before each window is what is usual."""
HOUR = timedelta(hours=1)
HOURS = (BASELINE + WINDOWS[-1]) // HOUR
"""That are looked at."""


@dataclass(frozen=True, slots=True)
class Shift:
    """Many users turned to a topic at once.

    Attributes:
        topic: of the profile.
        label: its terms.
        users: distinct, who gained it since then.
        changed_users: distinct, who changed since then.
        expected: how many of these would have gained it if all were as usual.
        since: the beginning of the window that shows it best.
        probability: that it is one.
    """

    topic: int
    label: str
    users: int
    changed_users: int
    expected: float
    since: datetime
    probability: float


def tests_per_day(topics: int, every_seconds: float) -> float:
    """How many questions are asked in a day of one domain: for each topic and window, at each look."""
    return topics * len(WINDOWS) * timedelta(days=1).total_seconds() / every_seconds


@dataclass(frozen=True, slots=True)
class Hours:
    """What was counted of whole hours.

    Attributes:
        until: the end of the newest one.
        changed: (hours,) users who changed in each, the newest first.
        gained: (hours, topics) those of them who gained each topic.
    """

    until: datetime
    changed: Counts
    gained: Counts


def judge(
    profile: Profile,
    hours: Hours,
    recent: Iterable[WindowCount],
    *,
    now: datetime,
    min_users: int,
    every_seconds: float,
) -> dict[int, Shift]:
    """The shifts of a domain's population at a moment, by topic; of several windows the one with the most evidence.

    Args:
        profile: whose topics they are.
        hours: before the present one.
        recent: of the windows.
        now: the moment.
        min_users: a shift has at least.
        every_seconds: how often this is asked.
    """
    tests = tests_per_day(len(profile.labels), every_seconds)
    everybody, counts = _windows(recent, len(profile.labels))
    limit = shifts.threshold(tests)
    found = strongest(hours.changed, hours.gained, everybody, counts, min_users=min_users, log_threshold=limit)
    return {
        topic: Shift(
            topic=topic,
            label=profile.labels[topic],
            users=int(counts[n][topic]),
            changed_users=int(everybody[n]),
            expected=shifts.expected(int(everybody[n]), usual),
            since=now - WINDOWS[n],
            probability=shifts.probability(evidence, tests),
        )
        for topic, (n, usual, evidence) in found.items()
    }


def strongest(
    changed: Counts, gained: Counts, everybody: Counts, counts: Counts, *, min_users: int, log_threshold: float
) -> dict[int, tuple[int, Baseline, float]]:
    """The topics that are shifted toward: in which window that shows best, what is usual there, and the evidence.

    Args:
        changed: (hours,) users who changed in each whole hour before the present one, the newest first.
        gained: (hours, topics) those of them who gained each topic.
        everybody: (windows,) users who changed in each window.
        counts: (windows, topics) those of them who gained each topic.
        min_users: a shift has at least.
        log_threshold: the evidence of a shift, at least.
    """
    found = dict[int, tuple[int, Baseline, float]]()
    for n, window in enumerate(WINDOWS):
        usual = shifts.baselines(*_slices(changed, gained, window // HOUR))
        if usual is None:
            continue
        told = shifts.found(int(everybody[n]), counts[n], usual, min_users=min_users, log_threshold=log_threshold)
        for topic, evidence in told:
            if topic not in found or evidence > found[topic][2]:
                found[topic] = n, usual[topic], evidence
    return found


def hours_of(counts: Iterable[HourlyCount], until: datetime, topics: int) -> Hours:
    """The hours before that one, as they are kept: of all that there are, the space of two small arrays."""
    changed, gained = np.zeros(HOURS, np.int32), np.zeros((HOURS, topics), np.int32)
    for count in counts:
        age = (until - count.hour) // HOUR - 1
        if not 0 <= age < HOURS:
            continue
        if count.topic is None:
            changed[age] = count.users
        elif count.topic < topics:
            gained[age, count.topic] = count.users
    return Hours(until, changed, gained)


def _slices(changed: Counts, gained: Counts, width: int) -> tuple[Counts, Counts]:
    """What was before a window of so many hours, in slices as long as it."""
    slices = (BASELINE // HOUR) // width
    before = slice(width, width + slices * width)
    return changed[before].reshape(slices, width).sum(1), gained[before].reshape(slices, width, -1).sum(1)


def _windows(recent: Iterable[WindowCount], topics: int) -> tuple[Counts, Counts]:
    """Users who changed (windows,), and who gained each topic (windows, topics)."""
    changed, gained = np.zeros(len(WINDOWS), np.int64), np.zeros((len(WINDOWS), topics), np.int64)
    for count in recent:
        if count.topic is None:
            changed[:] = count.users
        elif count.topic < topics:
            gained[:, count.topic] = count.users
    return changed, gained
