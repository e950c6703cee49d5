from typing import Literal

DetectOptionsDetector = Literal["bayes", "distance", "rate", "window"]

DETECT_OPTIONS_DETECTOR_VALUES: set[DetectOptionsDetector] = {
    "bayes",
    "distance",
    "rate",
    "window",
}


def check_detect_options_detector(value: str) -> DetectOptionsDetector:
    if value in DETECT_OPTIONS_DETECTOR_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {DETECT_OPTIONS_DETECTOR_VALUES!r}")
