from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="MemoryWeight")


@_attrs_define
class MemoryWeight:
    """A way to weigh the past, and how far it is followed.

    Attributes:
        name (str): `regime`: what is like the present interest; `regime_newest_N`: the same by age, a behaviour N
            behaviours old counts half; `long_term`: what is like anything the user did; `returning`: what is like earlier
            interests that the present one looks like the return of; `others_after_newest_N`: what others took up soon after
            the user's items, by age; `domain`: what everybody likes.
        weight (float): 0 to 1; all weights add up to 1.
    """

    name: str
    weight: float
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        name = self.name

        weight = self.weight

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "name": name,
                "weight": weight,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        name = d.pop("name")

        weight = d.pop("weight")

        memory_weight = cls(
            name=name,
            weight=weight,
        )

        memory_weight.additional_properties = d
        return memory_weight

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
