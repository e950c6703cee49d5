from typing import Literal

CatalogueItemEncoding = Literal["failed", "pending", "ready", "stale"]

CATALOGUE_ITEM_ENCODING_VALUES: set[CatalogueItemEncoding] = {
    "failed",
    "pending",
    "ready",
    "stale",
}


def check_catalogue_item_encoding(value: str) -> CatalogueItemEncoding:
    if value in CATALOGUE_ITEM_ENCODING_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {CATALOGUE_ITEM_ENCODING_VALUES!r}")
