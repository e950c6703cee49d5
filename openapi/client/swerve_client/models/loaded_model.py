from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="LoadedModel")


@_attrs_define
class LoadedModel:
    """The model that encodes, and the calibration that goes with it.

    Attributes:
        digest (str): SHA-256 of the exported files; changes with precision and tools.
        dim (int): Length of a vector.
        id (str): The model's name.
        max_tokens (int): Longer texts are truncated to this many tokens.
        pooling (str): mean, cls or last.
        precision (str): fp32, int8 or fp16.
        prefix (str): Put before every text.
        profile (None | str): Id of the calibration profile; null where none fits this model.
        provider (str): The ONNX Runtime execution provider that really runs.
        space (str): SHA-256 of what defines the vector space; equal for all precisions of one model.
    """

    digest: str
    dim: int
    id: str
    max_tokens: int
    pooling: str
    precision: str
    prefix: str
    profile: None | str
    provider: str
    space: str
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        digest = self.digest

        dim = self.dim

        id = self.id

        max_tokens = self.max_tokens

        pooling = self.pooling

        precision = self.precision

        prefix = self.prefix

        profile: None | str
        profile = self.profile

        provider = self.provider

        space = self.space

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "digest": digest,
                "dim": dim,
                "id": id,
                "max_tokens": max_tokens,
                "pooling": pooling,
                "precision": precision,
                "prefix": prefix,
                "profile": profile,
                "provider": provider,
                "space": space,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        digest = d.pop("digest")

        dim = d.pop("dim")

        id = d.pop("id")

        max_tokens = d.pop("max_tokens")

        pooling = d.pop("pooling")

        precision = d.pop("precision")

        prefix = d.pop("prefix")

        def _parse_profile(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        profile = _parse_profile(d.pop("profile"))

        provider = d.pop("provider")

        space = d.pop("space")

        loaded_model = cls(
            digest=digest,
            dim=dim,
            id=id,
            max_tokens=max_tokens,
            pooling=pooling,
            precision=precision,
            prefix=prefix,
            profile=profile,
            provider=provider,
            space=space,
        )

        loaded_model.additional_properties = d
        return loaded_model

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
