from typing import Literal

DetectOptionsIncludeItem = Literal["contributions", "topics", "vectors"]

DETECT_OPTIONS_INCLUDE_ITEM_VALUES: set[DetectOptionsIncludeItem] = {
    "contributions",
    "topics",
    "vectors",
}


def check_detect_options_include_item(value: str) -> DetectOptionsIncludeItem:
    if value in DETECT_OPTIONS_INCLUDE_ITEM_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {DETECT_OPTIONS_INCLUDE_ITEM_VALUES!r}")
