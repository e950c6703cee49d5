"""From a user's stored state and new behaviours to the new state, the snapshots and the answer. No I/O."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import numpy as np

from service.detect.incoming import Incoming
from service.detect.known_topics import Assigns
from service.detect.remember import Remembered, remember
from service.detection import codec, pending_codec, reorder
from service.detection.coded import code_all
from service.detection.detector import Params, Result
from service.detection.reorder import Entry, Folded, Window
from service.detection.rules import Rule
from service.detection.state import State, StateError
from service.snapshots.convert import change_of, scores_of, topics_of
from service.snapshots.schemas import Change, Scores, TopicShare

logger = logging.getLogger(__name__)

Event = tuple[str, datetime]


@dataclass(frozen=True, slots=True)
class Stored:
    """A user's state with what the service keeps beside it.

    Attributes:
        window: the detectors' state, its newest behaviours still open.
        recent: id and time of the newest behaviours before the open ones, oldest first: those a change may have begun
            with.
        sequence: of the latest snapshot.
        since: time of the first behaviour of the present regime; None where that was not kept.
    """

    window: Window
    recent: tuple[Event, ...]
    sequence: int
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """A snapshot in the making: the result it shows, and what was leading then."""

    snapshot_id: UUID
    sequence: int
    taken_for: str
    as_of: datetime
    result: Result
    change: Change
    mutated: bool
    topics: list[TopicShare]
    scores: Scores


@dataclass(frozen=True, slots=True)
class Decision:
    """What came of a request's new behaviours.

    Attributes:
        stored: the state after them.
        state: the detectors', with the open behaviours in it.
        as_of: time of the newest behaviour.
        taken: a snapshot for each change declared, then the request's own.
        explained: the result that the latest change was declared at, if any was.
        events: id of each behaviour by its position, for those that an explanation may name.
        late: ids of the new behaviours that came too late to be put in order.
        remembered: the new behaviours as they are kept one by one.
    """

    stored: Stored
    state: State
    as_of: datetime
    taken: list[Taken]
    explained: Result | None
    events: dict[int, str]
    late: tuple[str, ...]
    remembered: list[Remembered]


def restore(
    data: bytes | None,
    pending: bytes | None,
    params: Params,
    *,
    same_space: bool,
    same_profile: bool,
    recent: Sequence[Event],
    sequence: int,
    since: datetime | None = None,
) -> Stored:
    """The stored state, as far as it still means something under the present model and profile.

    Vectors of another model are another space: the user starts anew. Topics of another profile are other topics: z
    stays, the regime starts anew, and the order of what came before is closed.

    Args:
        data: the state before the open behaviours, by `codec`.
        pending: the open behaviours, by `pending_codec`.
        params: of the detectors.
        same_space: whether the vectors are the present model's.
        same_profile: whether the topics are the present profile's.
        recent: id and time of the newest behaviours before the open ones.
        sequence: of the latest snapshot.
        since: time of the first behaviour of the present regime.
    """
    fresh = Stored(Window(params.empty()), (), sequence)
    if data is None or not same_space:
        return fresh
    try:
        state = codec.decode(data)
        topics = 0 if state.bayes is None else len(state.bayes.older)
        window = Window(state, pending_codec.decode(pending, params.dim, topics))
    except StateError:
        logger.exception("a stored state cannot be read; that user starts anew")
        return fresh
    if same_profile:
        return Stored(window, tuple(recent), sequence, since)
    opened = [(entry.event_id, entry.occurred_at) for entry in window.pending]
    return Stored(Window(reorder.close(params, window)), (*recent, *opened)[-_kept(params) :], sequence, since)


def decide(
    params: Params,
    stored: Stored,
    behaviors: Sequence[Incoming],
    rule: Rule,
    *,
    length: timedelta,
    memory: int = 0,
    space: str = "",
    topics: Assigns | None = None,
) -> Decision:
    """Take new behaviours in, each at its place in time, and judge after each.

    Args:
        params: of the detectors.
        stored: the user's state before; not altered.
        behaviors: at least one, each with its vector.
        rule: which detector decides.
        length: of the window in which behaviours are put in order.
        memory: how many behaviours of a regime are kept one by one.
        space: of their vectors.
        topics: looks topics up; None for the profile.
    """
    new = _entries(stored.window, behaviors, rule, length, topics or params.profile)
    folded = reorder.fold(params, stored.window, new, length)
    events = [*stored.recent, *((entry.event_id, entry.occurred_at) for entry in folded.entries)]
    first = stored.window.base.behaviors - len(stored.recent)
    taken = list[Taken]()
    for declared in folded.declared:
        sequence, as_of = stored.sequence + len(taken) + 1, declared.entry.counted_at
        state, result = declared.state, declared.result
        taken.append(_take(params, declared.entry.rule, state, result, "change", as_of, sequence, events, first))
    sequence, as_of = stored.sequence + len(taken) + 1, folded.entries[-1].counted_at
    result = _under(params, rule, folded.result)
    closing = _take(params, rule, folded.state, result, "request", as_of, sequence, events, first)
    if taken:
        closing = replace(closing, mutated=True, change=taken[-1].change)
    taken.append(closing)
    before = events[: len(stored.recent) + folded.settled]
    return Decision(
        stored=Stored(
            folded.window, tuple(before[-_kept(params) :]), closing.sequence, _since(stored, folded, events, first)
        ),
        state=folded.state,
        as_of=closing.as_of,
        taken=taken,
        explained=folded.declared[-1].result if folded.declared else None,
        events={first + n: event_id for n, (event_id, _) in enumerate(events)},
        late=tuple(entry.event_id for entry in new if entry.counted_at != entry.occurred_at),
        remembered=remember(folded, behaviors, stored.window.behaviors, memory, space),
    )


def _since(stored: Stored, folded: Folded, events: Sequence[Event], first: int) -> datetime | None:
    """Time of the first behaviour of the present regime: of the user's very first one until there is a change."""
    since = stored.since
    if stored.window.behaviors == 0:
        since = folded.entries[0].counted_at
    for declared in folded.declared:
        if declared.result.change and declared.state.began == declared.result.change.began:
            since = events[max(declared.result.change.began - first, 0)][1]
    return since


def _under(params: Params, rule: Rule, result: Result) -> Result:
    """The result as the request's rule compares it: the newest behaviour may have come with another one before."""
    threshold = params.threshold(rule)
    return replace(result, threshold=threshold if np.isfinite(threshold) else None)


def _kept(params: Params) -> int:
    """How many of the newest behaviours a change may have begun with."""
    return max(params.bayes.recent, params.layout.vectors)


def _entries(
    window: Window, behaviors: Sequence[Incoming], rule: Rule, length: timedelta, topics: Assigns | None
) -> list[Entry]:
    """Behaviours as they are folded, their topics looked up all at once, which is quicker.

    Raises:
        ValueError: a behaviour has not been encoded.
    """
    vectors = [behavior.vector for behavior in behaviors if behavior.vector is not None]
    if len(vectors) < len(behaviors):
        raise ValueError("a behaviour has not been encoded")
    stacked = np.stack(vectors)
    coded = code_all(stacked)
    assigned = None if topics is None else topics.assign(stacked)
    return [
        Entry(
            event_id=behavior.event_id,
            occurred_at=behavior.occurred_at,
            counted_at=window.counted_at(behavior.occurred_at, length),
            weight=behavior.weight,
            coded=coded[n],
            topics=None if assigned is None else assigned.at(n),
            rule=rule,
        )
        for n, behavior in enumerate(behaviors)
    ]


def _take(  # noqa: PLR0917 - called twice, in `decide`
    params: Params,
    rule: Rule,
    state: State,
    result: Result,
    taken_for: str,
    as_of: datetime,
    sequence: int,
    events: Sequence[Event],
    first: int,
) -> Taken:
    change = result.change if taken_for == "change" else None
    event = events[max(change.began - first, 0)] if change else None
    return Taken(
        snapshot_id=uuid4(),
        sequence=sequence,
        taken_for=taken_for,
        as_of=as_of,
        result=result,
        change=change_of(params, rule, result if change else replace(result, change=None), event),
        mutated=change is not None,
        topics=topics_of(params, state),
        scores=scores_of(result),
    )
