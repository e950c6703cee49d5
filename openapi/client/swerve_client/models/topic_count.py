from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="TopicCount")


@_attrs_define
class TopicCount:
    """How many users a topic won or lost.

    Attributes:
        expected_share (float | None): The same in the 28 days before `since`. Null where fewer than 100 users changed
            in them.
        label (str): The terms that set the topic apart.
        ratio (float | None): share by expected_share. Null without one, and where it is 0.
        share (float): Of the users who changed, 0 to 1. Their interests have many topics each.
        topic (int):
        users (int): Distinct.
    """

    expected_share: float | None
    label: str
    ratio: float | None
    share: float
    topic: int
    users: int
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        expected_share: float | None
        expected_share = self.expected_share

        label = self.label

        ratio: float | None
        ratio = self.ratio

        share = self.share

        topic = self.topic

        users = self.users

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "expected_share": expected_share,
                "label": label,
                "ratio": ratio,
                "share": share,
                "topic": topic,
                "users": users,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)

        def _parse_expected_share(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        expected_share = _parse_expected_share(d.pop("expected_share"))

        label = d.pop("label")

        def _parse_ratio(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        ratio = _parse_ratio(d.pop("ratio"))

        share = d.pop("share")

        topic = d.pop("topic")

        users = d.pop("users")

        topic_count = cls(
            expected_share=expected_share,
            label=label,
            ratio=ratio,
            share=share,
            topic=topic,
            users=users,
        )

        topic_count.additional_properties = d
        return topic_count

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
