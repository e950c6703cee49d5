from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="PutItemsResponse")


@_attrs_define
class PutItemsResponse:
    """What became of them. All are stored.

    Attributes:
        accepted (int): Items that are new or were altered.
        domain (str):
        pending (int): Items whose text is yet to be encoded, those that were unchanged and had not been, too. Until
            then a new item is not recommended, and an altered one as it was.
        unchanged (int): Items that were in the catalogue exactly so.
    """

    accepted: int
    domain: str
    pending: int
    unchanged: int
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        accepted = self.accepted

        domain = self.domain

        pending = self.pending

        unchanged = self.unchanged

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "accepted": accepted,
                "domain": domain,
                "pending": pending,
                "unchanged": unchanged,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        accepted = d.pop("accepted")

        domain = d.pop("domain")

        pending = d.pop("pending")

        unchanged = d.pop("unchanged")

        put_items_response = cls(
            accepted=accepted,
            domain=domain,
            pending=pending,
            unchanged=unchanged,
        )

        put_items_response.additional_properties = d
        return put_items_response

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
