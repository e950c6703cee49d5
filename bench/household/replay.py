"""A household's baskets through the service with the generated client, one request each, and its history back."""

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

import httpx
import numpy as np
from numpy.typing import NDArray
from swerve_client import AuthenticatedClient
from swerve_client.api.detect import detect
from swerve_client.api.users import get_history
from swerve_client.models import (
    Behavior,
    Change,
    DetectOptions,
    DetectRequest,
    DetectResponse,
    ProblemDetails,
    Snapshot,
    SnapshotPage,
    TopicDifference,
    TopicShare,
)

from bench.household.data import Basket, Line
from bench.household.serving import ServiceError

PAGE = 100


@dataclass(frozen=True, slots=True)
class Because:
    """A purchase and what it added to the log-odds of a change."""

    line: Line
    log_odds: float


@dataclass(frozen=True, slots=True)
class Alarm:
    """A declared change.

    Attributes:
        declared_at: time of the basket it was declared with.
        change: as the service tells it.
        gained: topics gained, the largest first.
        lost: topics lost.
        because: the new interest's purchases, the weightiest first.
    """

    declared_at: datetime
    change: Change
    gained: tuple[TopicDifference, ...] = ()
    lost: tuple[TopicDifference, ...] = ()
    because: tuple[Because, ...] = ()


@dataclass(frozen=True, slots=True)
class Point:
    """The interest after a basket.

    Attributes:
        at: time of the basket.
        log_odds: of a recent change, in nats; None without a profile.
        threshold: what they were compared with; None without a profile.
        status: warming_up, ok or uncalibrated.
        topics: the leading ones, with their shares.
        z: (dim,) float32, the interest vector.
    """

    at: datetime
    log_odds: float | None
    threshold: float | None
    status: str
    topics: tuple[TopicShare, ...]
    z: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Year:
    """All there is to tell and to draw.

    Attributes:
        household: its id.
        baskets: as they were posted, oldest first.
        alarms: the changes, oldest first.
        points: the interest after each basket.
    """

    household: int
    baskets: tuple[Basket, ...]
    alarms: tuple[Alarm, ...]
    points: tuple[Point, ...]

    @property
    def purchases(self) -> int:
        """How many, in all baskets."""
        return sum(len(basket.lines) for basket in self.baskets)


def replay(
    client: AuthenticatedClient, household: int, baskets: Sequence[Basket], steps: Iterable[Basket] | None = None
) -> Year:
    """Post every basket, then read the history back.

    The user is a new one each time: to a service that has seen the household before, its purchases are duplicates.

    Args:
        client: of the running service.
        household: the household's id.
        baskets: oldest first.
        steps: the same baskets through a progress bar.

    Raises:
        ServiceError: the service is away, or refused.
    """
    user = f"household-{household}-{uuid4()}"
    lines = {line.event_id: line for basket in baskets for line in basket.lines}
    try:
        alarms = [alarm for basket in steps or baskets for alarm in _post(client, user, basket, lines)]
        points = [_point(snapshot) for snapshot in _history(client, user)]
    except httpx.HTTPError as error:
        raise ServiceError(f"no answer from the service: {type(error).__name__}: {error}") from error
    return Year(household, tuple(baskets), tuple(alarms), tuple(points))


def _post(client: AuthenticatedClient, user: str, basket: Basket, lines: Mapping[str, Line]) -> list[Alarm]:
    """One request, and the changes declared in it. Of several, only the latest is explained."""
    behaviors = [
        Behavior(
            event_id=line.event_id,
            type_="purchase",
            text=line.text,
            category=line.category,
            occurred_at=basket.occurred_at,
        )
        for line in basket.lines
    ]
    options = DetectOptions(include=["topics", "contributions"])
    answer = detect.sync(client=client, body=DetectRequest(user_id=user, behaviors=behaviors, options=options))
    if not isinstance(answer, DetectResponse):
        raise _refusal(answer)
    alarms = [Alarm(basket.occurred_at, change) for change in answer.changes]
    if alarms:
        alarms[-1] = _explained(basket, answer, lines)
    return alarms


def _explained(basket: Basket, answer: DetectResponse, lines: Mapping[str, Line]) -> Alarm:
    parts = sorted(answer.contributions or [], key=lambda part: -part.log_odds)
    topics = answer.topics
    return Alarm(
        declared_at=basket.occurred_at,
        change=answer.changes[-1],
        gained=tuple(topics.gained or ()) if topics else (),
        lost=tuple(topics.lost or ()) if topics else (),
        because=tuple(Because(lines[part.event_id], part.log_odds) for part in parts if part.event_id),
    )


def _history(client: AuthenticatedClient, user: str) -> list[Snapshot]:
    """The snapshots taken for a request, oldest first, page by page."""
    snapshots: list[Snapshot] = []
    cursor: str | None = None
    while True:
        page = get_history.sync(
            user, client=client, include=["vectors"], encoding_format="base64", limit=PAGE, cursor=cursor
        )
        if not isinstance(page, SnapshotPage):
            raise _refusal(page)
        snapshots += (item for item in page.items if item.taken_for == "request")
        cursor = page.next_cursor
        if cursor is None:
            return snapshots[::-1]


def _point(snapshot: Snapshot) -> Point:
    if snapshot.interest is None or not isinstance(snapshot.interest.z, str):
        raise ServiceError("the service sent no vectors, though they were asked for as base64")
    return Point(
        at=snapshot.as_of,
        log_odds=snapshot.change.log_odds,
        threshold=snapshot.change.threshold,
        status=snapshot.status,
        topics=tuple(snapshot.topics),
        z=np.frombuffer(base64.b64decode(snapshot.interest.z), "<f4"),
    )


def _refusal(answer: object) -> ServiceError:
    said = answer.detail if isinstance(answer, ProblemDetails) else "an answer that is not in its API"
    return ServiceError(f"the service refused: {said}")
