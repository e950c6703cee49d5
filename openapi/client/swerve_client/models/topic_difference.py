from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="TopicDifference")


@_attrs_define
class TopicDifference:
    """A topic whose share changed.

    Attributes:
        after (float): Share of the interest after, 0 to 1.
        before (float): Share of the interest before, 0 to 1.
        label (str): The terms that set the topic apart.
        topic (int):
    """

    after: float
    before: float
    label: str
    topic: int
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        after = self.after

        before = self.before

        label = self.label

        topic = self.topic

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "after": after,
                "before": before,
                "label": label,
                "topic": topic,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        after = d.pop("after")

        before = d.pop("before")

        label = d.pop("label")

        topic = d.pop("topic")

        topic_difference = cls(
            after=after,
            before=before,
            label=label,
            topic=topic,
        )

        topic_difference.additional_properties = d
        return topic_difference

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
