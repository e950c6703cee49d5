from typing import Literal

DetectResponseStatus = Literal["ok", "uncalibrated", "warming_up"]

DETECT_RESPONSE_STATUS_VALUES: set[DetectResponseStatus] = {
    "ok",
    "uncalibrated",
    "warming_up",
}


def check_detect_response_status(value: str) -> DetectResponseStatus:
    if value in DETECT_RESPONSE_STATUS_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {DETECT_RESPONSE_STATUS_VALUES!r}")
