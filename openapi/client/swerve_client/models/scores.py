from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="Scores")


@_attrs_define
class Scores:
    """How far the interest moved since the last snapshot.

    Attributes:
        cosine_distance (float): 1 minus the cosine of z and z_previous, 0 to 2.
        magnitude (float): Euclidean length of delta_z, 0 to 2.
        rate_per_day (float): magnitude by elapsed days.
        window (float): Distance between the means of the newest behaviours and of those before.
    """

    cosine_distance: float
    magnitude: float
    rate_per_day: float
    window: float
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        cosine_distance = self.cosine_distance

        magnitude = self.magnitude

        rate_per_day = self.rate_per_day

        window = self.window

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "cosine_distance": cosine_distance,
                "magnitude": magnitude,
                "rate_per_day": rate_per_day,
                "window": window,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        cosine_distance = d.pop("cosine_distance")

        magnitude = d.pop("magnitude")

        rate_per_day = d.pop("rate_per_day")

        window = d.pop("window")

        scores = cls(
            cosine_distance=cosine_distance,
            magnitude=magnitude,
            rate_per_day=rate_per_day,
            window=window,
        )

        scores.additional_properties = d
        return scores

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
