from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define

from ..types import UNSET, Unset

T = TypeVar("T", bound="Behavior")


@_attrs_define
class Behavior:
    """Something that a user did. `text` or `embedding` says with what.

    Attributes:
        occurred_at (datetime.datetime): RFC 3339 with an offset, such as 2026-01-05T10:00:00+00:00.
        category (None | str | Unset):
        embedding (list[float] | None | str | Unset): A vector of the model's size, for images, audio or any other
            encoder; used instead of text.
        event_id (None | str | Unset):
        item_id (None | str | Unset):
        text (None | str | Unset): What it was about.
        type_ (None | str | Unset): view, click, search, read, watch, like, comment, share, purchase, rating, dislike,
            or any other type that the settings give a weight.
        weight (float | None | Unset): Instead of the weight of its type; 1 is usual.
    """

    occurred_at: datetime.datetime
    category: None | str | Unset = UNSET
    embedding: list[float] | None | str | Unset = UNSET
    event_id: None | str | Unset = UNSET
    item_id: None | str | Unset = UNSET
    text: None | str | Unset = UNSET
    type_: None | str | Unset = UNSET
    weight: float | None | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        occurred_at = self.occurred_at.isoformat()

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

        event_id: None | str | Unset
        if isinstance(self.event_id, Unset):
            event_id = UNSET
        else:
            event_id = self.event_id

        item_id: None | str | Unset
        if isinstance(self.item_id, Unset):
            item_id = UNSET
        else:
            item_id = self.item_id

        text: None | str | Unset
        if isinstance(self.text, Unset):
            text = UNSET
        else:
            text = self.text

        type_: None | str | Unset
        if isinstance(self.type_, Unset):
            type_ = UNSET
        else:
            type_ = self.type_

        weight: float | None | Unset
        if isinstance(self.weight, Unset):
            weight = UNSET
        else:
            weight = self.weight

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "occurred_at": occurred_at,
            }
        )
        if category is not UNSET:
            field_dict["category"] = category
        if embedding is not UNSET:
            field_dict["embedding"] = embedding
        if event_id is not UNSET:
            field_dict["event_id"] = event_id
        if item_id is not UNSET:
            field_dict["item_id"] = item_id
        if text is not UNSET:
            field_dict["text"] = text
        if type_ is not UNSET:
            field_dict["type"] = type_
        if weight is not UNSET:
            field_dict["weight"] = weight

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        occurred_at = datetime.datetime.fromisoformat(d.pop("occurred_at"))

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

        def _parse_event_id(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        event_id = _parse_event_id(d.pop("event_id", UNSET))

        def _parse_item_id(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        item_id = _parse_item_id(d.pop("item_id", UNSET))

        def _parse_text(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        text = _parse_text(d.pop("text", UNSET))

        def _parse_type_(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        type_ = _parse_type_(d.pop("type", UNSET))

        def _parse_weight(data: object) -> float | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(float | None | Unset, data)

        weight = _parse_weight(d.pop("weight", UNSET))

        behavior = cls(
            occurred_at=occurred_at,
            category=category,
            embedding=embedding,
            event_id=event_id,
            item_id=item_id,
            text=text,
            type_=type_,
            weight=weight,
        )

        return behavior
