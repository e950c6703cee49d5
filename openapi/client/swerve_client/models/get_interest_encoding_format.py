from typing import Literal

GetInterestEncodingFormat = Literal["base64", "float"]

GET_INTEREST_ENCODING_FORMAT_VALUES: set[GetInterestEncodingFormat] = {
    "base64",
    "float",
}


def check_get_interest_encoding_format(value: str) -> GetInterestEncodingFormat:
    if value in GET_INTEREST_ENCODING_FORMAT_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {GET_INTEREST_ENCODING_FORMAT_VALUES!r}")
