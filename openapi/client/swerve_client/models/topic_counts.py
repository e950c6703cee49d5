from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.topic_count import TopicCount


T = TypeVar("T", bound="TopicCounts")


@_attrs_define
class TopicCounts:
    """Topics by users, most first, without those of fewer users than the settings allow to be told.

    Attributes:
        gained (list[TopicCount]):
        lost (list[TopicCount]):
    """

    gained: list[TopicCount]
    lost: list[TopicCount]
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        gained = []
        for gained_item_data in self.gained:
            gained_item = gained_item_data.to_dict()
            gained.append(gained_item)

        lost = []
        for lost_item_data in self.lost:
            lost_item = lost_item_data.to_dict()
            lost.append(lost_item)

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "gained": gained,
                "lost": lost,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.topic_count import TopicCount  # noqa: PLC0415

        d = dict(src_dict)
        gained = []
        _gained = d.pop("gained")
        for gained_item_data in _gained:
            gained_item = TopicCount.from_dict(gained_item_data)

            gained.append(gained_item)

        lost = []
        _lost = d.pop("lost")
        for lost_item_data in _lost:
            lost_item = TopicCount.from_dict(lost_item_data)

            lost.append(lost_item)

        topic_counts = cls(
            gained=gained,
            lost=lost,
        )

        topic_counts.additional_properties = d
        return topic_counts

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
