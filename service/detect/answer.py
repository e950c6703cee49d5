"""The response to a request, from a decision or from how things stood before."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from service.database.tables import SnapshotRow
from service.detect.decide import Decision, Stored
from service.detect.incoming import Incoming
from service.detect.schemas import (
    Contribution,
    DetectRequest,
    DetectResponse,
    ModelRef,
    Part,
    ProfileRef,
    Rejected,
    Topics,
)
from service.detection.detector import Params, Result
from service.detection.reorder import present
from service.encoder.contract import ModelInfo
from service.policy.convert import policy_of
from service.populations.judge import Shift
from service.populations.schemas import PopulationShift
from service.snapshots.convert import DIGITS, differences_of, interest_of, snapshot_of
from service.snapshots.schemas import Change, Scores


@dataclass(frozen=True, slots=True)
class Answers:
    """What every answer to one request has in common.

    Attributes:
        request: as it came.
        model: that encoded.
        profile_id: that judged.
        received: the request's behaviours.
        rejected: those of them that were refused.
        params: of the detectors.
        exact: whether vectors, and the distances between them, may be told as they are.
        shift_of: the shift of the population that gained topics are part of.
    """

    request: DetectRequest
    model: ModelInfo
    profile_id: str | None
    received: Sequence[Incoming]
    rejected: Sequence[Rejected]
    params: Params
    exact: bool = True
    shift_of: Callable[[Iterable[int]], Shift | None] = lambda _: None

    def stored(self, decision: Decision, *, accepted: int) -> DetectResponse:
        """The answer to new behaviours whose snapshots were stored.

        Args:
            decision: what came of them.
            accepted: how many they are.
        """
        closing = decision.taken[-1]
        return self._decided(decision, accepted, snapshot_id=closing.snapshot_id, sequence=closing.sequence)

    def tried(self, decision: Decision, *, accepted: int, latest: int) -> DetectResponse:
        """The answer to new behaviours of which nothing was stored.

        Args:
            decision: what would come of them.
            accepted: how many they are.
            latest: sequence of the user's latest stored snapshot, 0 without one.
        """
        return self._decided(decision, accepted, snapshot_id=None, sequence=latest)

    def unchanged(self, latest: SnapshotRow | None, stored: Stored) -> DetectResponse:
        """The answer where nothing new came in: the latest snapshot, if there is one, with nothing declared.

        Args:
            latest: that snapshot.
            stored: the user's state.
        """
        encoding = self.request.options.encoding_format if self._wants("vectors") else None
        told = None if latest is None else snapshot_of(latest, encoding)
        return self._response(
            0,
            snapshot_id=told.snapshot_id if told else None,
            sequence=told.sequence if told else 0,
            status=told.status if told else ("warming_up" if self.profile_id else "uncalibrated"),
            mutated=False,
            late=[],
            change=told.change if told else Change.unknown(self.request.options.detector),
            changes=[],
            scores=told.scores if told else Scores(magnitude=0, cosine_distance=0, rate_per_day=0, window=0),
            interest=told.interest if told else None,
            topics=Topics() if self._wants("topics") else None,
            contributions=[] if self._wants("contributions") else None,
            policy=policy_of(self.params, present(self.params, stored.window), stored.since, stored.window.newest_at),
        )

    def _decided(self, decision: Decision, accepted: int, **stored: object) -> DetectResponse:
        *changes, closing = decision.taken
        result, encoding = closing.result, self.request.options.encoding_format
        return self._response(
            accepted,
            **stored,
            late=list(decision.late),
            status=result.status,
            mutated=closing.mutated,
            change=closing.change,
            changes=[taken.change for taken in changes],
            scores=closing.scores,
            interest=interest_of(result.z, result.z_previous, encoding) if self._wants("vectors") else None,
            topics=_topics(decision.explained) if self._wants("topics") else None,
            population=self._population(decision.explained),
            contributions=_contributions(decision) if self._wants("contributions") else None,
            policy=policy_of(self.params, decision.state, decision.stored.since, decision.as_of),
        )

    def _population(self, explained: Result | None) -> PopulationShift | None:
        if explained is None or explained.change is None:
            return None
        shift = self.shift_of([item.topic for item in explained.change.gained])
        return None if shift is None else PopulationShift.of(shift)

    def _wants(self, part: Part) -> bool:
        return part in self.request.options.include and (self.exact or part != "vectors")

    def _response(self, accepted: int, **figures: object) -> DetectResponse:
        if not self.exact:
            figures["scores"] = None
        return DetectResponse.model_validate(
            {
                "user_id": self.request.user_id,
                "domain": self.request.domain,
                "accepted": accepted,
                "duplicates": len(self.received) - accepted - len(self.rejected),
                "rejected": list(self.rejected),
                "truncated": [behavior.event_id for behavior in self.received if behavior.truncated],
                "model": ModelRef(id=self.model.id, digest=self.model.digest),
                "profile": ProfileRef(id=self.profile_id) if self.profile_id else None,
                **figures,
            }
        )


def _topics(explained: Result | None) -> Topics:
    if explained is None or explained.change is None:
        return Topics()
    change = explained.change
    return Topics(gained=differences_of(change.gained), lost=differences_of(change.lost))


def _contributions(decision: Decision) -> list[Contribution]:
    if decision.explained is None or decision.explained.change is None:
        return []
    return [
        Contribution(
            event_id=None if part.position is None else decision.events[part.position],
            log_odds=round(part.log_odds, DIGITS),
        )
        for part in decision.explained.change.contributions
    ]
