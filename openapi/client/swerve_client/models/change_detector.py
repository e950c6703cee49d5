from typing import Literal

ChangeDetector = Literal["bayes", "distance", "rate", "window"]

CHANGE_DETECTOR_VALUES: set[ChangeDetector] = {
    "bayes",
    "distance",
    "rate",
    "window",
}


def check_change_detector(value: str) -> ChangeDetector:
    if value in CHANGE_DETECTOR_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {CHANGE_DETECTOR_VALUES!r}")
