from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.item_topic import ItemTopic
    from ..models.model_ref import ModelRef


T = TypeVar("T", bound="EncodeResponse")


@_attrs_define
class EncodeResponse:
    """Vectors of unit length, one for each text, in order.

    Attributes:
        dim (int):
        model (ModelRef): The model that encoded.
        truncated (list[int]): Indexes of texts that were longer than the model reads.
        vectors (list[list[float] | str]):
        topics (list[list[ItemTopic]] | None | Unset): If asked for: the leading topics of each text, in order, at most
            three each. Empty ones without a profile for this model.
    """

    dim: int
    model: ModelRef
    truncated: list[int]
    vectors: list[list[float] | str]
    topics: list[list[ItemTopic]] | None | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        dim = self.dim

        model = self.model.to_dict()

        truncated = self.truncated

        vectors = []
        for vectors_item_data in self.vectors:
            vectors_item: list[float] | str
            if isinstance(vectors_item_data, list):
                vectors_item = vectors_item_data

            else:
                vectors_item = vectors_item_data
            vectors.append(vectors_item)

        topics: list[list[dict[str, Any]]] | None | Unset
        if isinstance(self.topics, Unset):
            topics = UNSET
        elif isinstance(self.topics, list):
            topics = []
            for topics_type_0_item_data in self.topics:
                topics_type_0_item = []
                for topics_type_0_item_item_data in topics_type_0_item_data:
                    topics_type_0_item_item = topics_type_0_item_item_data.to_dict()
                    topics_type_0_item.append(topics_type_0_item_item)

                topics.append(topics_type_0_item)

        else:
            topics = self.topics

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "dim": dim,
                "model": model,
                "truncated": truncated,
                "vectors": vectors,
            }
        )
        if topics is not UNSET:
            field_dict["topics"] = topics

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.item_topic import ItemTopic  # noqa: PLC0415
        from ..models.model_ref import ModelRef  # noqa: PLC0415

        d = dict(src_dict)
        dim = d.pop("dim")

        model = ModelRef.from_dict(d.pop("model"))

        truncated = cast(list[int], d.pop("truncated"))

        vectors = []
        _vectors = d.pop("vectors")
        for vectors_item_data in _vectors:

            def _parse_vectors_item(data: object) -> list[float] | str:
                try:
                    if not isinstance(data, list):
                        raise TypeError()
                    vectors_item_type_0 = cast(list[float], data)

                    return vectors_item_type_0
                except (TypeError, ValueError, AttributeError, KeyError):
                    pass
                return cast(list[float] | str, data)

            vectors_item = _parse_vectors_item(vectors_item_data)

            vectors.append(vectors_item)

        def _parse_topics(data: object) -> list[list[ItemTopic]] | None | Unset:
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
                    topics_type_0_item = []
                    _topics_type_0_item = topics_type_0_item_data
                    for topics_type_0_item_item_data in _topics_type_0_item:
                        topics_type_0_item_item = ItemTopic.from_dict(topics_type_0_item_item_data)

                        topics_type_0_item.append(topics_type_0_item_item)

                    topics_type_0.append(topics_type_0_item)

                return topics_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[list[ItemTopic]] | None | Unset, data)

        topics = _parse_topics(d.pop("topics", UNSET))

        encode_response = cls(
            dim=dim,
            model=model,
            truncated=truncated,
            vectors=vectors,
            topics=topics,
        )

        encode_response.additional_properties = d
        return encode_response

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
