from typing import Literal

GetHistoryEncodingFormat = Literal["base64", "float"]

GET_HISTORY_ENCODING_FORMAT_VALUES: set[GetHistoryEncodingFormat] = {
    "base64",
    "float",
}


def check_get_history_encoding_format(value: str) -> GetHistoryEncodingFormat:
    if value in GET_HISTORY_ENCODING_FORMAT_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {GET_HISTORY_ENCODING_FORMAT_VALUES!r}")
