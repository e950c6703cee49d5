from typing import Literal

EncodeRequestEncodingFormat = Literal["base64", "float"]

ENCODE_REQUEST_ENCODING_FORMAT_VALUES: set[EncodeRequestEncodingFormat] = {
    "base64",
    "float",
}


def check_encode_request_encoding_format(value: str) -> EncodeRequestEncodingFormat:
    if value in ENCODE_REQUEST_ENCODING_FORMAT_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {ENCODE_REQUEST_ENCODING_FORMAT_VALUES!r}")
