from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.new_item_attributes import NewItemAttributes


T = TypeVar("T", bound="NewItem")


@_attrs_define
class NewItem:
    """An item as it is to be. `text` or `embedding` says what it is; what is left out it does not have.

    Attributes:
        item_id (str): The item's id in your system, any but `progress`; the same as `item_id` of behaviours.
        attributes (NewItemAttributes | Unset): Anything of yours, at most 4096 bytes as JSON and 4 levels deep; given
            back with recommendations.
        category (None | str | Unset):
        embedding (list[float] | None | str | Unset): A vector of the model's size, for images, audio or any other
            encoder; used instead of text. It has to be sent again after a change of the model.
        expires_at (datetime.datetime | None | Unset): From then on it is not recommended, and is removed.
        text (None | str | Unset): What it is: its title, and what else a behaviour's text would say of it.
    """

    item_id: str
    attributes: NewItemAttributes | Unset = UNSET
    category: None | str | Unset = UNSET
    embedding: list[float] | None | str | Unset = UNSET
    expires_at: datetime.datetime | None | Unset = UNSET
    text: None | str | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        item_id = self.item_id

        attributes: dict[str, Any] | Unset = UNSET
        if not isinstance(self.attributes, Unset):
            attributes = self.attributes.to_dict()

        category: None | str | Unset
        if isinstance(self.category, Unset):
            category = UNSET
        else:
            category = self.category

        embedding: list[float] | None | str | Unset
        if isinstance(self.embedding, Unset):
            embedding = UNSET
        elif isinstance(self.embedding, list):
            embedding = self.embedding

        else:
            embedding = self.embedding

        expires_at: None | str | Unset
        if isinstance(self.expires_at, Unset):
            expires_at = UNSET
        elif isinstance(self.expires_at, datetime.datetime):
            expires_at = self.expires_at.isoformat()
        else:
            expires_at = self.expires_at

        text: None | str | Unset
        if isinstance(self.text, Unset):
            text = UNSET
        else:
            text = self.text

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "item_id": item_id,
            }
        )
        if attributes is not UNSET:
            field_dict["attributes"] = attributes
        if category is not UNSET:
            field_dict["category"] = category
        if embedding is not UNSET:
            field_dict["embedding"] = embedding
        if expires_at is not UNSET:
            field_dict["expires_at"] = expires_at
        if text is not UNSET:
            field_dict["text"] = text

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.new_item_attributes import NewItemAttributes  # noqa: PLC0415

        d = dict(src_dict)
        item_id = d.pop("item_id")

        _attributes = d.pop("attributes", UNSET)
        attributes: NewItemAttributes | Unset
        if isinstance(_attributes, Unset):
            attributes = UNSET
        else:
            attributes = NewItemAttributes.from_dict(_attributes)

        def _parse_category(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        category = _parse_category(d.pop("category", UNSET))

        def _parse_embedding(data: object) -> list[float] | None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                embedding_type_0_type_0 = cast(list[float], data)

                return embedding_type_0_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[float] | None | str | Unset, data)

        embedding = _parse_embedding(d.pop("embedding", UNSET))

        def _parse_expires_at(data: object) -> datetime.datetime | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                expires_at_type_0 = datetime.datetime.fromisoformat(data)

                return expires_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None | Unset, data)

        expires_at = _parse_expires_at(d.pop("expires_at", UNSET))

        def _parse_text(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        text = _parse_text(d.pop("text", UNSET))

        new_item = cls(
            item_id=item_id,
            attributes=attributes,
            category=category,
            embedding=embedding,
            expires_at=expires_at,
            text=text,
        )

        return new_item
