from typing import Literal

WithheldReason = Literal["budget_spent", "not_stored", "unavailable"]

WITHHELD_REASON_VALUES: set[WithheldReason] = {
    "budget_spent",
    "not_stored",
    "unavailable",
}


def check_withheld_reason(value: str) -> WithheldReason:
    if value in WITHHELD_REASON_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {WITHHELD_REASON_VALUES!r}")
