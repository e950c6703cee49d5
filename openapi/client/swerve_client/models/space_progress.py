from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="SpaceProgress")


@_attrs_define
class SpaceProgress:
    """A model's vectors of a domain's items.

    Attributes:
        live (bool): Whether a replica has said lately that it serves this model.
        model (str): The model's id.
        space (str):
        vectors (int): Items that have one, an older one of an altered item included.
    """

    live: bool
    model: str
    space: str
    vectors: int
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        live = self.live

        model = self.model

        space = self.space

        vectors = self.vectors

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "live": live,
                "model": model,
                "space": space,
                "vectors": vectors,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        live = d.pop("live")

        model = d.pop("model")

        space = d.pop("space")

        vectors = d.pop("vectors")

        space_progress = cls(
            live=live,
            model=model,
            space=space,
            vectors=vectors,
        )

        space_progress.additional_properties = d
        return space_progress

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
