from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.because import Because
    from ..models.item_topic import ItemTopic


T = TypeVar("T", bound="Explanation")


@_attrs_define
class Explanation:
    """Why an item is recommended.

    Attributes:
        because (list[Because]): The behaviours that speak most for it.
        topics (list[ItemTopic]): What it is about. Empty without a profile.
    """

    because: list[Because]
    topics: list[ItemTopic]
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        because = []
        for because_item_data in self.because:
            because_item = because_item_data.to_dict()
            because.append(because_item)

        topics = []
        for topics_item_data in self.topics:
            topics_item = topics_item_data.to_dict()
            topics.append(topics_item)

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "because": because,
                "topics": topics,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.because import Because  # noqa: PLC0415
        from ..models.item_topic import ItemTopic  # noqa: PLC0415

        d = dict(src_dict)
        because = []
        _because = d.pop("because")
        for because_item_data in _because:
            because_item = Because.from_dict(because_item_data)

            because.append(because_item)

        topics = []
        _topics = d.pop("topics")
        for topics_item_data in _topics:
            topics_item = ItemTopic.from_dict(topics_item_data)

            topics.append(topics_item)

        explanation = cls(
            because=because,
            topics=topics,
        )

        explanation.additional_properties = d
        return explanation

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
