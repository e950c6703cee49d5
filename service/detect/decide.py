"""From a user's stored state and new behaviours to the new state, the snapshots and the answer. No I/O."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID, uuid4

import numpy as np

from service.detect.incoming import Incoming
from service.detection import codec, detector
from service.detection.detector import Params, Result, Rule
from service.detection.state import State, StateError
from service.snapshots.convert import change_of, scores_of, topics_of
from service.snapshots.schemas import Change, Scores, TopicShare

logger = logging.getLogger(__name__)

Event = tuple[str, datetime]


@dataclass(frozen=True, slots=True)
class Stored:
    """A user's state with what the service keeps beside it.

    Attributes:
        state: the detectors'.
        recent: id and time of the user's newest behaviours, oldest first: those a change may have begun with.
        sequence: of the latest snapshot.
    """

    state: State
    recent: tuple[Event, ...]
    sequence: int


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
        taken: a snapshot for each change declared, then the request's own.
        explained: the result that the latest change was declared at, if any was.
        events: id of each behaviour by its position, for those that an explanation may name.
    """

    stored: Stored
    taken: list[Taken]
    explained: Result | None
    events: dict[int, str]


def restore(
    data: bytes | None, params: Params, *, same_space: bool, same_profile: bool, recent: Sequence[Event], sequence: int
) -> Stored:
    """The stored state, as far as it still means something under the present model and profile.

    Vectors of another model are another space: the user starts anew. Topics of another profile are other topics: z
    stays, the regime starts anew.
    """
    fresh = Stored(params.empty(), (), sequence)
    if data is None or not same_space:
        return fresh
    try:
        state = codec.decode(data)
    except StateError:
        logger.exception("a stored state cannot be read; that user starts anew")
        return fresh
    if not same_profile:
        state = replace(state, bayes=params.empty().bayes, past=())
    return Stored(state, tuple(recent), sequence)


def decide(params: Params, stored: Stored, behaviors: Sequence[Incoming], rule: Rule) -> Decision:
    """Take new behaviours in, in order of time, and judge after each.

    Args:
        params: of the detectors.
        stored: the user's state before; not altered.
        behaviors: at least one, each with its vector.
        rule: which detector decides.
    """
    ordered = sorted(behaviors, key=lambda behavior: behavior.occurred_at)
    events = [*stored.recent, *((b.event_id, b.occurred_at) for b in ordered)]
    first = stored.state.behaviors - len(stored.recent)
    state, taken, explained = stored.state, list[Taken](), None
    result: Result | None = None
    for behavior, observation in zip(ordered, _observations(params, ordered), strict=True):
        state, result = detector.step(params, state, observation, rule)
        if result.change:
            explained = result
            sequence = stored.sequence + len(taken) + 1
            taken.append(_take(params, rule, state, result, "change", behavior.occurred_at, sequence, events, first))
    if result is None:
        raise ValueError("nothing to decide: no behaviours")
    closing = _take(
        params, rule, state, result, "request", ordered[-1].occurred_at, stored.sequence + len(taken) + 1, events, first
    )
    if taken:
        closing = replace(closing, mutated=True, change=taken[-1].change)
    taken.append(closing)
    keep = max(params.bayes.recent, params.layout.vectors)
    after = Stored(detector.mark(params, state), tuple(events[-keep:]), closing.sequence)
    return Decision(after, taken, explained, {first + n: event_id for n, (event_id, _) in enumerate(events)})


def _observations(params: Params, behaviors: Sequence[Incoming]) -> list[detector.Observation]:
    """Behaviours as the detectors take them, their topics looked up all at once, which is quicker.

    Raises:
        ValueError: a behaviour has not been encoded.
    """
    vectors = [behavior.vector for behavior in behaviors if behavior.vector is not None]
    if len(vectors) < len(behaviors):
        raise ValueError("a behaviour has not been encoded")
    assigned = None if params.profile is None else params.profile.assign(np.stack(vectors))
    return [
        detector.Observation(
            vector,
            behavior.weight,
            behavior.occurred_at.timestamp(),
            None if assigned is None else assigned.at(n),
        )
        for n, (behavior, vector) in enumerate(zip(behaviors, vectors, strict=True))
    ]


def _take(  # noqa: PLR0917 - called twice, right above
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
