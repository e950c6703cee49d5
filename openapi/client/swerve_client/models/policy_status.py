from typing import Literal

PolicyStatus = Literal["new", "ok", "uncalibrated", "warming_up"]

POLICY_STATUS_VALUES: set[PolicyStatus] = {
    "new",
    "ok",
    "uncalibrated",
    "warming_up",
}


def check_policy_status(value: str) -> PolicyStatus:
    if value in POLICY_STATUS_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {POLICY_STATUS_VALUES!r}")
