from typing import Literal

BecauseRelation = Literal["likeness", "succession"]

BECAUSE_RELATION_VALUES: set[BecauseRelation] = {
    "likeness",
    "succession",
}


def check_because_relation(value: str) -> BecauseRelation:
    if value in BECAUSE_RELATION_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {BECAUSE_RELATION_VALUES!r}")
