from typing import Literal

DetectOptionsEncodingFormat = Literal["base64", "float"]

DETECT_OPTIONS_ENCODING_FORMAT_VALUES: set[DetectOptionsEncodingFormat] = {
    "base64",
    "float",
}


def check_detect_options_encoding_format(value: str) -> DetectOptionsEncodingFormat:
    if value in DETECT_OPTIONS_ENCODING_FORMAT_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {DETECT_OPTIONS_ENCODING_FORMAT_VALUES!r}")
