from typing import Literal

RecommendationSource = Literal["domain", "exploration", "long_term", "present", "returning"]

RECOMMENDATION_SOURCE_VALUES: set[RecommendationSource] = {
    "domain",
    "exploration",
    "long_term",
    "present",
    "returning",
}


def check_recommendation_source(value: str) -> RecommendationSource:
    if value in RECOMMENDATION_SOURCE_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {RECOMMENDATION_SOURCE_VALUES!r}")
