from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
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
    """

    dim: int
    model: ModelRef
    truncated: list[int]
    vectors: list[list[float] | str]
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

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
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

        encode_response = cls(
            dim=dim,
            model=model,
            truncated=truncated,
            vectors=vectors,
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
