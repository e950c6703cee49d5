from typing import Literal

ChangeKindType0 = Literal["novel", "returning"]

CHANGE_KIND_TYPE_0_VALUES: set[ChangeKindType0] = {
    "novel",
    "returning",
}


def check_change_kind_type_0(value: str) -> ChangeKindType0:
    if value in CHANGE_KIND_TYPE_0_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {CHANGE_KIND_TYPE_0_VALUES!r}")
