from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast
from uuid import UUID

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.snapshot_status import SnapshotStatus, check_snapshot_status
from ..models.snapshot_taken_for import SnapshotTakenFor, check_snapshot_taken_for

if TYPE_CHECKING:
    from ..models.change import Change
    from ..models.interest import Interest
    from ..models.scores import Scores
    from ..models.topic_share import TopicShare


T = TypeVar("T", bound="Snapshot")


@_attrs_define
class Snapshot:
    """A stored decision.

    Attributes:
        as_of (datetime.datetime): Time of the newest behaviour in it.
        behaviors (int): The user's behaviours up to then.
        change (Change): The question whether the interest changed, and the answer.
        interest (Interest | None): Only with `include=vectors`.
        model_digest (str):
        mutated (bool): Whether a change was declared.
        profile_id (None | str):
        scores (None | Scores): Null where vectors leave with noise: they are made of exact ones.
        sequence (int): Counts the user's snapshots, from 1.
        snapshot_id (UUID):
        status (SnapshotStatus):
        taken_at (datetime.datetime): When it was stored.
        taken_for (SnapshotTakenFor): Each request stores one snapshot, and one more for each change declared inside it.
        topics (list[TopicShare]): The leading topics of the interest.
    """

    as_of: datetime.datetime
    behaviors: int
    change: Change
    interest: Interest | None
    model_digest: str
    mutated: bool
    profile_id: None | str
    scores: None | Scores
    sequence: int
    snapshot_id: UUID
    status: SnapshotStatus
    taken_at: datetime.datetime
    taken_for: SnapshotTakenFor
    topics: list[TopicShare]
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.interest import Interest  # noqa: PLC0415
        from ..models.scores import Scores  # noqa: PLC0415

        as_of = self.as_of.isoformat()

        behaviors = self.behaviors

        change = self.change.to_dict()

        interest: dict[str, Any] | None
        if isinstance(self.interest, Interest):
            interest = self.interest.to_dict()
        else:
            interest = self.interest

        model_digest = self.model_digest

        mutated = self.mutated

        profile_id: None | str
        profile_id = self.profile_id

        scores: dict[str, Any] | None
        if isinstance(self.scores, Scores):
            scores = self.scores.to_dict()
        else:
            scores = self.scores

        sequence = self.sequence

        snapshot_id = str(self.snapshot_id)

        status: str = self.status

        taken_at = self.taken_at.isoformat()

        taken_for: str = self.taken_for

        topics = []
        for topics_item_data in self.topics:
            topics_item = topics_item_data.to_dict()
            topics.append(topics_item)

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "as_of": as_of,
                "behaviors": behaviors,
                "change": change,
                "interest": interest,
                "model_digest": model_digest,
                "mutated": mutated,
                "profile_id": profile_id,
                "scores": scores,
                "sequence": sequence,
                "snapshot_id": snapshot_id,
                "status": status,
                "taken_at": taken_at,
                "taken_for": taken_for,
                "topics": topics,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.change import Change  # noqa: PLC0415
        from ..models.interest import Interest  # noqa: PLC0415
        from ..models.scores import Scores  # noqa: PLC0415
        from ..models.topic_share import TopicShare  # noqa: PLC0415

        d = dict(src_dict)
        as_of = datetime.datetime.fromisoformat(d.pop("as_of"))

        behaviors = d.pop("behaviors")

        change = Change.from_dict(d.pop("change"))

        def _parse_interest(data: object) -> Interest | None:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                interest_type_0 = Interest.from_dict(data)

                return interest_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(Interest | None, data)

        interest = _parse_interest(d.pop("interest"))

        model_digest = d.pop("model_digest")

        mutated = d.pop("mutated")

        def _parse_profile_id(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        profile_id = _parse_profile_id(d.pop("profile_id"))

        def _parse_scores(data: object) -> None | Scores:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                scores_type_0 = Scores.from_dict(data)

                return scores_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | Scores, data)

        scores = _parse_scores(d.pop("scores"))

        sequence = d.pop("sequence")

        snapshot_id = UUID(d.pop("snapshot_id"))

        status = check_snapshot_status(d.pop("status"))

        taken_at = datetime.datetime.fromisoformat(d.pop("taken_at"))

        taken_for = check_snapshot_taken_for(d.pop("taken_for"))

        topics = []
        _topics = d.pop("topics")
        for topics_item_data in _topics:
            topics_item = TopicShare.from_dict(topics_item_data)

            topics.append(topics_item)

        snapshot = cls(
            as_of=as_of,
            behaviors=behaviors,
            change=change,
            interest=interest,
            model_digest=model_digest,
            mutated=mutated,
            profile_id=profile_id,
            scores=scores,
            sequence=sequence,
            snapshot_id=snapshot_id,
            status=status,
            taken_at=taken_at,
            taken_for=taken_for,
            topics=topics,
        )

        snapshot.additional_properties = d
        return snapshot

    @property
    def additional_keys(self) -> list[str]:
        return list(self.additional_properties.keys())

    def __getitem__(self, key: str) -> Any:
        return self.additional_properties[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.additional_properties[key] = value

    def __delitem__(self, key: str) -> None:
        del self.additional_properties[key]

    def __contains__(self, key: str) -> bool:
        return key in self.additional_properties
