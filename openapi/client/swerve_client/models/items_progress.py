from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.space_progress import SpaceProgress


T = TypeVar("T", bound="ItemsProgress")


@_attrs_define
class ItemsProgress:
    """How far the encoding of a domain's catalogue is, as seen by a replica with this model.

    Attributes:
        complete (bool): Nothing is pending.
        domain (str):
        failed (int): With a text that could not be encoded. Sent again, it is tried again.
        items (int): Items that have not expired.
        model (str): The id of this replica's model.
        other_spaces (list[SpaceProgress]): Vectors of other models. They stay as long as a replica lives that uses
            them, and until this one's are complete.
        pending (int): With a text that is yet to be encoded.
        re_encoding (bool): The catalogue is being encoded for this model after another one; `ready` of `items` says how
            far.
        ready (int): With a vector of the present text or embedding in this space.
        space (str): The space of its vectors: the one in use here.
        stale (int): With an embedding for another model: to be sent again.
    """

    complete: bool
    domain: str
    failed: int
    items: int
    model: str
    other_spaces: list[SpaceProgress]
    pending: int
    re_encoding: bool
    ready: int
    space: str
    stale: int
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        complete = self.complete

        domain = self.domain

        failed = self.failed

        items = self.items

        model = self.model

        other_spaces = []
        for other_spaces_item_data in self.other_spaces:
            other_spaces_item = other_spaces_item_data.to_dict()
            other_spaces.append(other_spaces_item)

        pending = self.pending

        re_encoding = self.re_encoding

        ready = self.ready

        space = self.space

        stale = self.stale

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "complete": complete,
                "domain": domain,
                "failed": failed,
                "items": items,
                "model": model,
                "other_spaces": other_spaces,
                "pending": pending,
                "re_encoding": re_encoding,
                "ready": ready,
                "space": space,
                "stale": stale,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.space_progress import SpaceProgress  # noqa: PLC0415

        d = dict(src_dict)
        complete = d.pop("complete")

        domain = d.pop("domain")

        failed = d.pop("failed")

        items = d.pop("items")

        model = d.pop("model")

        other_spaces = []
        _other_spaces = d.pop("other_spaces")
        for other_spaces_item_data in _other_spaces:
            other_spaces_item = SpaceProgress.from_dict(other_spaces_item_data)

            other_spaces.append(other_spaces_item)

        pending = d.pop("pending")

        re_encoding = d.pop("re_encoding")

        ready = d.pop("ready")

        space = d.pop("space")

        stale = d.pop("stale")

        items_progress = cls(
            complete=complete,
            domain=domain,
            failed=failed,
            items=items,
            model=model,
            other_spaces=other_spaces,
            pending=pending,
            re_encoding=re_encoding,
            ready=ready,
            space=space,
            stale=stale,
        )

        items_progress.additional_properties = d
        return items_progress

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
