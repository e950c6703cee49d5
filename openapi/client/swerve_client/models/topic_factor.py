from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="TopicFactor")


@_attrs_define
class TopicFactor:
    """A topic that counts more or less than usual.

    Attributes:
        factor (float): share by usual: what to multiply by.
        label (str): The terms that set the topic apart.
        share (float): Of the present interest, 0 to 1.
        topic (int):
        usual (float): Of the user's long-term profile; of the domain, for a user without one.
    """

    factor: float
    label: str
    share: float
    topic: int
    usual: float
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        factor = self.factor

        label = self.label

        share = self.share

        topic = self.topic

        usual = self.usual

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "factor": factor,
                "label": label,
                "share": share,
                "topic": topic,
                "usual": usual,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        factor = d.pop("factor")

        label = d.pop("label")

        share = d.pop("share")

        topic = d.pop("topic")

        usual = d.pop("usual")

        topic_factor = cls(
            factor=factor,
            label=label,
            share=share,
            topic=topic,
            usual=usual,
        )

        topic_factor.additional_properties = d
        return topic_factor

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
