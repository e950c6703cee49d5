from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.change_detector import ChangeDetector, check_change_detector
from ..models.change_kind_type_0 import ChangeKindType0, check_change_kind_type_0

T = TypeVar("T", bound="Change")


@_attrs_define
class Change:
    """The question whether the interest changed, and the answer.

    Attributes:
        behaviors_per_false_alarm (float | None): How many behaviours of an unchanged user there are to one false alarm
            at this threshold, where that was measured.
        behaviors_since (int | None): Behaviours of the new interest when the change was declared.
        changed_at (datetime.datetime | None): Time of the first behaviour of the new interest. Null: no change.
        detector (ChangeDetector): The detector that decided.
        first_event_id (None | str): That behaviour.
        kind (ChangeKindType0 | None): `returning` where the new interest matches an earlier one of this user's.
        log_odds (float | None): The same as log-odds, in nats: of an alarm at this level being a true one. Null without
            a profile.
        probability (float | None): Of a recent change, 0 to 1. Null without a profile.
        threshold (float | None): What the detector's score was compared with.
    """

    behaviors_per_false_alarm: float | None
    behaviors_since: int | None
    changed_at: datetime.datetime | None
    detector: ChangeDetector
    first_event_id: None | str
    kind: ChangeKindType0 | None
    log_odds: float | None
    probability: float | None
    threshold: float | None
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        behaviors_per_false_alarm: float | None
        behaviors_per_false_alarm = self.behaviors_per_false_alarm

        behaviors_since: int | None
        behaviors_since = self.behaviors_since

        changed_at: None | str
        if isinstance(self.changed_at, datetime.datetime):
            changed_at = self.changed_at.isoformat()
        else:
            changed_at = self.changed_at

        detector: str = self.detector

        first_event_id: None | str
        first_event_id = self.first_event_id

        kind: None | str
        if isinstance(self.kind, str):
            kind = self.kind
        else:
            kind = self.kind

        log_odds: float | None
        log_odds = self.log_odds

        probability: float | None
        probability = self.probability

        threshold: float | None
        threshold = self.threshold

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "behaviors_per_false_alarm": behaviors_per_false_alarm,
                "behaviors_since": behaviors_since,
                "changed_at": changed_at,
                "detector": detector,
                "first_event_id": first_event_id,
                "kind": kind,
                "log_odds": log_odds,
                "probability": probability,
                "threshold": threshold,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)

        def _parse_behaviors_per_false_alarm(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        behaviors_per_false_alarm = _parse_behaviors_per_false_alarm(d.pop("behaviors_per_false_alarm"))

        def _parse_behaviors_since(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        behaviors_since = _parse_behaviors_since(d.pop("behaviors_since"))

        def _parse_changed_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                changed_at_type_0 = datetime.datetime.fromisoformat(data)

                return changed_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        changed_at = _parse_changed_at(d.pop("changed_at"))

        detector = check_change_detector(d.pop("detector"))

        def _parse_first_event_id(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        first_event_id = _parse_first_event_id(d.pop("first_event_id"))

        def _parse_kind(data: object) -> ChangeKindType0 | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                kind_type_0 = check_change_kind_type_0(data)

                return kind_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(ChangeKindType0 | None, data)

        kind = _parse_kind(d.pop("kind"))

        def _parse_log_odds(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        log_odds = _parse_log_odds(d.pop("log_odds"))

        def _parse_probability(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        probability = _parse_probability(d.pop("probability"))

        def _parse_threshold(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        threshold = _parse_threshold(d.pop("threshold"))

        change = cls(
            behaviors_per_false_alarm=behaviors_per_false_alarm,
            behaviors_since=behaviors_since,
            changed_at=changed_at,
            detector=detector,
            first_event_id=first_event_id,
            kind=kind,
            log_odds=log_odds,
            probability=probability,
            threshold=threshold,
        )

        change.additional_properties = d
        return change

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
