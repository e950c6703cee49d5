from typing import Literal

GetItemIncludeItem = Literal["topics", "vectors"]

GET_ITEM_INCLUDE_ITEM_VALUES: set[GetItemIncludeItem] = {
    "topics",
    "vectors",
}


def check_get_item_include_item(value: str) -> GetItemIncludeItem:
    if value in GET_ITEM_INCLUDE_ITEM_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {GET_ITEM_INCLUDE_ITEM_VALUES!r}")
