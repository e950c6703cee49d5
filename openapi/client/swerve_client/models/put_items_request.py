from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.new_item import NewItem


T = TypeVar("T", bound="PutItemsRequest")


@_attrs_define
class PutItemsRequest:
    """Items to be put into a domain's catalogue.

    Attributes:
        items (list[NewItem]):
        domain (str | Unset): Interests, calibration and policy are kept per domain. Default: 'default'.
    """

    items: list[NewItem]
    domain: str | Unset = "default"

    def to_dict(self) -> dict[str, Any]:
        items = []
        for items_item_data in self.items:
            items_item = items_item_data.to_dict()
            items.append(items_item)

        domain = self.domain

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "items": items,
            }
        )
        if domain is not UNSET:
            field_dict["domain"] = domain

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.new_item import NewItem  # noqa: PLC0415

        d = dict(src_dict)
        items = []
        _items = d.pop("items")
        for items_item_data in _items:
            items_item = NewItem.from_dict(items_item_data)

            items.append(items_item)

        domain = d.pop("domain", UNSET)

        put_items_request = cls(
            items=items,
            domain=domain,
        )

        return put_items_request
