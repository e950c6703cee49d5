from typing import Literal

GetItemEncodingFormat = Literal["base64", "float"]

GET_ITEM_ENCODING_FORMAT_VALUES: set[GetItemEncodingFormat] = {
    "base64",
    "float",
}


def check_get_item_encoding_format(value: str) -> GetItemEncodingFormat:
    if value in GET_ITEM_ENCODING_FORMAT_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {GET_ITEM_ENCODING_FORMAT_VALUES!r}")
