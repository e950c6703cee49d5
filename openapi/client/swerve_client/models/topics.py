from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.topic_difference import TopicDifference


T = TypeVar("T", bound="Topics")


@_attrs_define
class Topics:
    """What the interest gained and lost in the latest change of this request.

    Attributes:
        gained (list[TopicDifference] | Unset):
        lost (list[TopicDifference] | Unset):
    """

    gained: list[TopicDifference] | Unset = UNSET
    lost: list[TopicDifference] | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        gained: list[dict[str, Any]] | Unset = UNSET
        if not isinstance(self.gained, Unset):
            gained = []
            for gained_item_data in self.gained:
                gained_item = gained_item_data.to_dict()
                gained.append(gained_item)

        lost: list[dict[str, Any]] | Unset = UNSET
        if not isinstance(self.lost, Unset):
            lost = []
            for lost_item_data in self.lost:
                lost_item = lost_item_data.to_dict()
                lost.append(lost_item)

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update({})
        if gained is not UNSET:
            field_dict["gained"] = gained
        if lost is not UNSET:
            field_dict["lost"] = lost

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.topic_difference import TopicDifference  # noqa: PLC0415

        d = dict(src_dict)
        _gained = d.pop("gained", UNSET)
        gained: list[TopicDifference] | Unset = UNSET
        if _gained is not UNSET:
            gained = []
            for gained_item_data in _gained:
                gained_item = TopicDifference.from_dict(gained_item_data)

                gained.append(gained_item)

        _lost = d.pop("lost", UNSET)
        lost: list[TopicDifference] | Unset = UNSET
        if _lost is not UNSET:
            lost = []
            for lost_item_data in _lost:
                lost_item = TopicDifference.from_dict(lost_item_data)

                lost.append(lost_item)

        topics = cls(
            gained=gained,
            lost=lost,
        )

        topics.additional_properties = d
        return topics

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
