from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="Interest")


@_attrs_define
class Interest:
    """The interest vector and how it moved. Vectors are of length `dim`.

    Attributes:
        delta_z (list[float] | str): z - z_previous. Zeros for a user's first snapshot.
        dim (int):
        direction (list[float] | str): delta_z at unit length: where the interest went. Zeros if nowhere.
        z (list[float] | str): Weighted mean of the unit vectors of the present interest's behaviours.
        z_previous (list[float] | None | str): z at the last snapshot. Null for a user's first.
        noise (float | None | Unset): Where vectors leave with noise, its standard deviation on each component of z.
            z_previous is then the noisy vector that left before this one, if any, and delta_z and direction are made of the
            two.
    """

    delta_z: list[float] | str
    dim: int
    direction: list[float] | str
    z: list[float] | str
    z_previous: list[float] | None | str
    noise: float | None | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        delta_z: list[float] | str
        if isinstance(self.delta_z, list):
            delta_z = self.delta_z

        else:
            delta_z = self.delta_z

        dim = self.dim

        direction: list[float] | str
        if isinstance(self.direction, list):
            direction = self.direction

        else:
            direction = self.direction

        z: list[float] | str
        if isinstance(self.z, list):
            z = self.z

        else:
            z = self.z

        z_previous: list[float] | None | str
        if isinstance(self.z_previous, list):
            z_previous = self.z_previous

        else:
            z_previous = self.z_previous

        noise: float | None | Unset
        if isinstance(self.noise, Unset):
            noise = UNSET
        else:
            noise = self.noise

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "delta_z": delta_z,
                "dim": dim,
                "direction": direction,
                "z": z,
                "z_previous": z_previous,
            }
        )
        if noise is not UNSET:
            field_dict["noise"] = noise

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)

        def _parse_delta_z(data: object) -> list[float] | str:
            try:
                if not isinstance(data, list):
                    raise TypeError()
                delta_z_type_0 = cast(list[float], data)

                return delta_z_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[float] | str, data)

        delta_z = _parse_delta_z(d.pop("delta_z"))

        dim = d.pop("dim")

        def _parse_direction(data: object) -> list[float] | str:
            try:
                if not isinstance(data, list):
                    raise TypeError()
                direction_type_0 = cast(list[float], data)

                return direction_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[float] | str, data)

        direction = _parse_direction(d.pop("direction"))

        def _parse_z(data: object) -> list[float] | str:
            try:
                if not isinstance(data, list):
                    raise TypeError()
                z_type_0 = cast(list[float], data)

                return z_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[float] | str, data)

        z = _parse_z(d.pop("z"))

        def _parse_z_previous(data: object) -> list[float] | None | str:
            if data is None:
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                z_previous_type_0_type_0 = cast(list[float], data)

                return z_previous_type_0_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[float] | None | str, data)

        z_previous = _parse_z_previous(d.pop("z_previous"))

        def _parse_noise(data: object) -> float | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(float | None | Unset, data)

        noise = _parse_noise(d.pop("noise", UNSET))

        interest = cls(
            delta_z=delta_z,
            dim=dim,
            direction=direction,
            z=z,
            z_previous=z_previous,
            noise=noise,
        )

        interest.additional_properties = d
        return interest

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
