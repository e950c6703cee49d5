from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.catalogue_item_encoding import CatalogueItemEncoding, check_catalogue_item_encoding
from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.catalogue_item_attributes import CatalogueItemAttributes
    from ..models.item_topic import ItemTopic


T = TypeVar("T", bound="CatalogueItem")


@_attrs_define
class CatalogueItem:
    """An item of the catalogue.

    Attributes:
        attributes (CatalogueItemAttributes):
        category (None | str):
        created_at (datetime.datetime):
        domain (str):
        encoding (CatalogueItemEncoding): `ready`: recommended as it is. `pending`: its text is yet to be encoded.
            `failed`: it could not be, see `failure`. `stale`: it came with a vector for another model, and has to be sent
            again. In the last three an older vector of it stays in use if there is one.
        expires_at (datetime.datetime | None):
        item_id (str):
        text (None | str):
        updated_at (datetime.datetime):
        failure (None | str | Unset): Why its text could not be encoded.
        topics (list[ItemTopic] | None | Unset): If asked for: the leading topics of the vector in use, at most three.
            Null without a vector, empty without a profile for this model.
        vector (list[float] | None | str | Unset): The vector in use, if there is one and it was asked for; in half
            precision.
    """

    attributes: CatalogueItemAttributes
    category: None | str
    created_at: datetime.datetime
    domain: str
    encoding: CatalogueItemEncoding
    expires_at: datetime.datetime | None
    item_id: str
    text: None | str
    updated_at: datetime.datetime
    failure: None | str | Unset = UNSET
    topics: list[ItemTopic] | None | Unset = UNSET
    vector: list[float] | None | str | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        attributes = self.attributes.to_dict()

        category: None | str
        category = self.category

        created_at = self.created_at.isoformat()

        domain = self.domain

        encoding: str = self.encoding

        expires_at: None | str
        if isinstance(self.expires_at, datetime.datetime):
            expires_at = self.expires_at.isoformat()
        else:
            expires_at = self.expires_at

        item_id = self.item_id

        text: None | str
        text = self.text

        updated_at = self.updated_at.isoformat()

        failure: None | str | Unset
        if isinstance(self.failure, Unset):
            failure = UNSET
        else:
            failure = self.failure

        topics: list[dict[str, Any]] | None | Unset
        if isinstance(self.topics, Unset):
            topics = UNSET
        elif isinstance(self.topics, list):
            topics = []
            for topics_type_0_item_data in self.topics:
                topics_type_0_item = topics_type_0_item_data.to_dict()
                topics.append(topics_type_0_item)

        else:
            topics = self.topics

        vector: list[float] | None | str | Unset
        if isinstance(self.vector, Unset):
            vector = UNSET
        elif isinstance(self.vector, list):
            vector = self.vector

        else:
            vector = self.vector

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "attributes": attributes,
                "category": category,
                "created_at": created_at,
                "domain": domain,
                "encoding": encoding,
                "expires_at": expires_at,
                "item_id": item_id,
                "text": text,
                "updated_at": updated_at,
            }
        )
        if failure is not UNSET:
            field_dict["failure"] = failure
        if topics is not UNSET:
            field_dict["topics"] = topics
        if vector is not UNSET:
            field_dict["vector"] = vector

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.catalogue_item_attributes import CatalogueItemAttributes  # noqa: PLC0415
        from ..models.item_topic import ItemTopic  # noqa: PLC0415

        d = dict(src_dict)
        attributes = CatalogueItemAttributes.from_dict(d.pop("attributes"))

        def _parse_category(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        category = _parse_category(d.pop("category"))

        created_at = datetime.datetime.fromisoformat(d.pop("created_at"))

        domain = d.pop("domain")

        encoding = check_catalogue_item_encoding(d.pop("encoding"))

        def _parse_expires_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                expires_at_type_0 = datetime.datetime.fromisoformat(data)

                return expires_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        expires_at = _parse_expires_at(d.pop("expires_at"))

        item_id = d.pop("item_id")

        def _parse_text(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        text = _parse_text(d.pop("text"))

        updated_at = datetime.datetime.fromisoformat(d.pop("updated_at"))

        def _parse_failure(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        failure = _parse_failure(d.pop("failure", UNSET))

        def _parse_topics(data: object) -> list[ItemTopic] | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                topics_type_0 = []
                _topics_type_0 = data
                for topics_type_0_item_data in _topics_type_0:
                    topics_type_0_item = ItemTopic.from_dict(topics_type_0_item_data)

                    topics_type_0.append(topics_type_0_item)

                return topics_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[ItemTopic] | None | Unset, data)

        topics = _parse_topics(d.pop("topics", UNSET))

        def _parse_vector(data: object) -> list[float] | None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                vector_type_0_type_0 = cast(list[float], data)

                return vector_type_0_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[float] | None | str | Unset, data)

        vector = _parse_vector(d.pop("vector", UNSET))

        catalogue_item = cls(
            attributes=attributes,
            category=category,
            created_at=created_at,
            domain=domain,
            encoding=encoding,
            expires_at=expires_at,
            item_id=item_id,
            text=text,
            updated_at=updated_at,
            failure=failure,
            topics=topics,
            vector=vector,
        )

        catalogue_item.additional_properties = d
        return catalogue_item

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
