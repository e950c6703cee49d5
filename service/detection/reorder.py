"""Behaviours that come out of order are put in order, as long as they are not too late.

Detection is a fold over a user's behaviours, oldest first, but they do not come so: phones go offline, queues deliver
twice, replicas race. So the newest ones, those of the window, stay open: what is kept is the state before them (the
base) and each of them by itself. The present state is the fold of both. A behaviour that belongs between them is put
there and the window is folded again; what has become older than the window is folded into the base for good.

The order is by time and then by event id, never by arrival. So for any order of arrival, and however it is cut into
requests, the present state is that of the stream in order, as long as each behaviour comes within the window.

What was declared stays declared. Where a behaviour put in between moves an alarm to another behaviour of the same new
interest, it is the same change, and is not declared again.

z is marked (`detector.mark`) at what was the newest behaviour of each request. So `distance` and `rate`, which compare
with the last snapshot, depend on how behaviours are cut into requests, as they do in a stream in order.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from service.detection import detector, interest
from service.detection.batch import Batch, side_by_side
from service.detection.coded import Coded
from service.detection.detector import Observation, Params, Result, advance
from service.detection.rules import Rule
from service.detection.state import PastRegime, State
from service.detection.topics import Assignment

MAX_PENDING = 64
"""Behaviours of the window that stay open at most; of more, the oldest are folded into the base."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A behaviour as it is folded, and folded again.

    Attributes:
        event_id: names it; of two at the same time, the lower one comes first.
        occurred_at: in UTC.
        counted_at: the time it is folded at: its own, or that of the newest before it where it came too late.
        weight: at least 0.
        coded: its vector, in the bits in which the state keeps it, so that nothing is lost until it is folded again.
        topics: of its vector; None without a profile.
        rule: of the request it came with, by which it is judged whenever it is folded.
        alarm: length of the run that began the new regime, where the last fold declared a change at it; 0 where a
            rule did that knows no beginning; None without an alarm.
        told: whether a change was declared to the client at it.
        snapshot: whether it was the newest at the end of a request, where z is marked.
    """

    event_id: str
    occurred_at: datetime
    counted_at: datetime
    weight: float
    coded: Coded
    topics: Assignment | None
    rule: Rule
    alarm: int | None = None
    told: bool = False
    snapshot: bool = False

    @property
    def place(self) -> tuple[datetime, datetime, str]:
        """What the order goes by. Of those that came too late, the older one goes first."""
        return self.counted_at, self.occurred_at, self.event_id


@dataclass(frozen=True, slots=True)
class Window:
    """A user's state whose newest behaviours are open.

    Attributes:
        base: the state before them.
        pending: them, in order, at most `MAX_PENDING`.
    """

    base: State
    pending: tuple[Entry, ...] = ()

    @property
    def behaviors(self) -> int:
        """How many behaviours were taken in."""
        return self.base.behaviors + len(self.pending)

    @property
    def settled_at(self) -> datetime | None:
        """Time of the newest behaviour of the base; None where there is none."""
        times = self.base.interest.times
        return datetime.fromtimestamp(float(times[0]), UTC) if len(times) else None

    @property
    def newest_at(self) -> datetime | None:
        """Time of the newest behaviour of all; None where there is none."""
        return self.pending[-1].counted_at if self.pending else self.settled_at

    def counted_at(self, occurred_at: datetime, length: timedelta) -> datetime:
        """The time at which a new behaviour counts: its own, or the newest's where its place is closed already.

        Args:
            occurred_at: of the behaviour, in UTC.
            length: of the window.
        """
        newest, settled = self.newest_at, self.settled_at
        if newest is None or (occurred_at >= newest - length and (settled is None or occurred_at >= settled)):
            return occurred_at
        return newest


@dataclass(frozen=True, slots=True)
class Declared:
    """A change to be declared.

    Attributes:
        entry: the behaviour it is declared at.
        state: after it.
        result: after it.
    """

    entry: Entry
    state: State
    result: Result


@dataclass(frozen=True, slots=True)
class Folded:
    """What came of new behaviours.

    Attributes:
        window: the user's state with them in it.
        state: the present state.
        entries: everything that was folded, in order; the first `settled` of it are in the base now.
        settled: how many.
        result: after the newest behaviour.
        declared: changes that were not declared before, in order.
    """

    window: Window
    state: State
    entries: tuple[Entry, ...]
    settled: int
    result: Result
    declared: tuple[Declared, ...]


def fold(params: Params, window: Window, new: Sequence[Entry], length: timedelta) -> Folded:
    """Put new behaviours in their places and fold the window again.

    Args:
        params: of the detectors.
        window: the user's state before; not altered.
        new: at least one, each with the `counted_at` that the window gives it, in any order.
        length: of the window; 0 leaves nothing open.

    Raises:
        ValueError: nothing to fold.
    """
    entries = sorted([*window.pending, *new], key=lambda entry: entry.place)
    if not entries:
        raise ValueError("nothing to fold: no behaviours")
    entries[-1] = replace(entries[-1], snapshot=True)
    settled, last = _settled(entries, length), len(entries) - 1
    batch = _batch(entries)
    state = base = window.base
    alarms = list[tuple[int, State, Result]]()
    n = 0
    while n < last:
        state, declared, taken = advance(params, state, batch.part(n, _stop(entries, n, settled)), entries[n].rule)
        for quiet in range(n, n + taken - 1):
            entries[quiet] = _with_alarm(entries[quiet], None)
        n += taken
        entries[n - 1] = _with_alarm(entries[n - 1], declared)
        if declared:
            alarms.append((n - 1, state, declared))
        if entries[n - 1].snapshot:
            state = detector.mark(params, state)
        if n == settled:
            base = state
    state, result = detector.step(params, state, _observed(entries[last]), entries[last].rule)
    entries[last] = _with_alarm(entries[last], result)
    if result.change:
        alarms.append((last, state, result))
    state = detector.mark(params, state)
    if settled > last:
        base = state
    untold = _untold(entries, alarms, window.base.behaviors)
    return Folded(
        window=Window(base, tuple(entries[settled:])),
        state=state,
        entries=tuple(entries),
        settled=settled,
        result=result,
        declared=tuple(Declared(entries[n], state, result) for n, state, result in alarms if n in untold),
    )


def present(params: Params, window: Window) -> State:
    """The state after the newest behaviour."""
    state, entries, n = window.base, window.pending, 0
    batch = _batch(entries) if entries else None
    while batch is not None and n < len(entries):
        state, _, taken = advance(params, state, batch.part(n, _stop(entries, n, len(entries))), entries[n].rule)
        n += taken
        if entries[n - 1].snapshot:
            state = detector.mark(params, state)
    return state


def close(params: Params, window: Window) -> State:
    """The present state for other topics.

    z is as it was, with every alarm in it, and it is still known when each regime began. Of topics nothing is known.
    """
    state = replace(window.base, bayes=None)
    for entry in window.pending:
        moved = interest.push(state.interest, _batch([entry]), keep=params.layout.vectors, half_life=params.half_life)
        state = replace(state, behaviors=state.behaviors + 1, interest=moved)
        if entry.alarm:
            state = detector.restart(state, entry.alarm)
    if window.pending:
        state = replace(state, interest=interest.mark(state.interest, half_life=params.half_life))
    past = tuple(PastRegime.without_topics(earlier.began, earlier.ended) for earlier in state.past)
    return replace(state, bayes=params.empty().bayes, evidence=window.base.evidence, past=past)


def _settled(entries: Sequence[Entry], length: timedelta) -> int:
    """How many of the oldest are no longer open."""
    if not length or not entries:
        return len(entries)
    closed = entries[-1].counted_at - length
    beyond = sum(entry.counted_at < closed for entry in entries)
    return max(beyond, len(entries) - MAX_PENDING)


def _stop(entries: Sequence[Entry], start: int, settled: int) -> int:
    """Up to where behaviours can be taken in together: until the state in between is needed, or the rule is another.

    The newest is left for itself, as its figures are told.
    """
    rule = entries[start].rule
    for n in range(start + 1, len(entries) - 1):
        if n == settled or entries[n - 1].snapshot or entries[n].rule != rule:
            return n
    return max(len(entries) - 1, start + 1)


def _batch(entries: Sequence[Entry]) -> Batch:
    """At least one behaviour."""
    return side_by_side(
        [entry.coded for entry in entries],
        [entry.weight for entry in entries],
        [entry.counted_at.timestamp() for entry in entries],
        [entry.topics for entry in entries],
    )


def _observed(entry: Entry) -> Observation:
    return Observation(entry.coded.vector, entry.weight, entry.counted_at.timestamp(), entry.topics, entry.coded)


def _with_alarm(entry: Entry, result: Result | None) -> Entry:
    """The behaviour as this fold saw it: with the change declared at it, if any."""
    alarm = None
    if result is not None and result.change is not None:
        rule = entry.rule.name
        alarm = 0 if rule in {"distance", "rate"} else result.position + 1 - result.change.began
    return entry if alarm == entry.alarm else replace(entry, alarm=alarm)


def _untold(entries: list[Entry], alarms: Sequence[tuple[int, State, Result]], first: int) -> set[int]:
    """Which alarms are to be declared now; marks every alarm in `entries` as told.

    An alarm is not declared again where it was declared at this behaviour before, or at one of the same new interest,
    from where what came in between has moved it: then that mark moves with it.

    Args:
        entries: in order, as folded.
        alarms: index in them, state and result of each.
        first: position of the first entry in the user's stream.
    """
    raised = {n for n, _, _ in alarms}
    moved = [n for n, entry in enumerate(entries) if entry.told and n not in raised]
    untold = set[int]()
    for n, _, result in alarms:
        if entries[n].told or result.change is None:
            continue
        began = result.change.began - first
        source = next((was for was in moved if was >= began), None)
        if source is None:
            untold.add(n)
        else:
            moved.remove(source)
            entries[source] = replace(entries[source], told=False)
        entries[n] = replace(entries[n], told=True)
    return untold
