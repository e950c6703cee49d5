from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.because_relation import BecauseRelation, check_because_relation

T = TypeVar("T", bound="Because")


@_attrs_define
class Because:
    """A behaviour that speaks for an item.

    Attributes:
        event_id (str):
        item_id (None | str):
        relation (BecauseRelation): By which it speaks more: `likeness`, the item's text is like its own; `succession`,
            others took the item up soon after its own.
        share (float): Of the item's score, 0 to 1.
    """

    event_id: str
    item_id: None | str
    relation: BecauseRelation
    share: float
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        event_id = self.event_id

        item_id: None | str
        item_id = self.item_id

        relation: str = self.relation

        share = self.share

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "event_id": event_id,
                "item_id": item_id,
                "relation": relation,
                "share": share,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        event_id = d.pop("event_id")

        def _parse_item_id(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        item_id = _parse_item_id(d.pop("item_id"))

        relation = check_because_relation(d.pop("relation"))

        share = d.pop("share")

        because = cls(
            event_id=event_id,
            item_id=item_id,
            relation=relation,
            share=share,
        )

        because.additional_properties = d
        return because

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
