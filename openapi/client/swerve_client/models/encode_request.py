from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeVar, cast

from attrs import define as _attrs_define

from ..models.encode_request_encoding_format import EncodeRequestEncodingFormat, check_encode_request_encoding_format
from ..types import UNSET, Unset

T = TypeVar("T", bound="EncodeRequest")


@_attrs_define
class EncodeRequest:
    """Texts to be turned into vectors.

    Attributes:
        texts (list[str]):
        encoding_format (EncodeRequestEncodingFormat | Unset):  Default: 'float'.
        include (list[Literal['topics']] | Unset): `topics`: what each text is about.
    """

    texts: list[str]
    encoding_format: EncodeRequestEncodingFormat | Unset = "float"
    include: list[Literal["topics"]] | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        texts = self.texts

        encoding_format: str | Unset = UNSET
        if not isinstance(self.encoding_format, Unset):
            encoding_format = self.encoding_format

        include: list[Literal["topics"]] | Unset = UNSET
        if not isinstance(self.include, Unset):
            include = self.include

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "texts": texts,
            }
        )
        if encoding_format is not UNSET:
            field_dict["encoding_format"] = encoding_format
        if include is not UNSET:
            field_dict["include"] = include

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        texts = cast(list[str], d.pop("texts"))

        _encoding_format = d.pop("encoding_format", UNSET)
        encoding_format: EncodeRequestEncodingFormat | Unset
        if isinstance(_encoding_format, Unset):
            encoding_format = UNSET
        else:
            encoding_format = check_encode_request_encoding_format(_encoding_format)

        _include = d.pop("include", UNSET)
        include: list[Literal["topics"]] | Unset = UNSET
        if _include is not UNSET:
            include = []
            for include_item_data in _include:
                include_item = cast(Literal["topics"], include_item_data)
                if include_item != "topics":
                    raise ValueError(f"include_item must match const 'topics', got '{include_item}'")
                include.append(include_item)

        encode_request = cls(
            texts=texts,
            encoding_format=encoding_format,
            include=include,
        )

        return encode_request
