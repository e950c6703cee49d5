from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="PopulationShift")


@_attrs_define
class PopulationShift:
    """Many users of the domain turned to a topic at once: news or a season, not one user's own change of mind.

    Attributes:
        changed_users (int): Who changed at all since then.
        expected (float): How many of those would have gained it if all were as usual.
        label (str): The terms that set the topic apart.
        probability (float): That this is a shift, 0 to 1.
        since (datetime.datetime): The beginning of the window that shows it best: 1, 6, 24 or 168 hours ago.
        topic (int):
        users (int): Who gained the topic since then.
        shift (bool | Unset):  Default: True.
    """

    changed_users: int
    expected: float
    label: str
    probability: float
    since: datetime.datetime
    topic: int
    users: int
    shift: bool | Unset = True
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        changed_users = self.changed_users

        expected = self.expected

        label = self.label

        probability = self.probability

        since = self.since.isoformat()

        topic = self.topic

        users = self.users

        shift = self.shift

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "changed_users": changed_users,
                "expected": expected,
                "label": label,
                "probability": probability,
                "since": since,
                "topic": topic,
                "users": users,
            }
        )
        if shift is not UNSET:
            field_dict["shift"] = shift

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        changed_users = d.pop("changed_users")

        expected = d.pop("expected")

        label = d.pop("label")

        probability = d.pop("probability")

        since = datetime.datetime.fromisoformat(d.pop("since"))

        topic = d.pop("topic")

        users = d.pop("users")

        shift = d.pop("shift", UNSET)

        population_shift = cls(
            changed_users=changed_users,
            expected=expected,
            label=label,
            probability=probability,
            since=since,
            topic=topic,
            users=users,
            shift=shift,
        )

        population_shift.additional_properties = d
        return population_shift

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
