"""Which of the detector's scores decides."""

from dataclasses import dataclass
from typing import Literal

RuleName = Literal["bayes", "distance", "rate", "window"]


@dataclass(frozen=True, slots=True)
class Rule:
    """Which score decides, and above what.

    Attributes:
        name: bayes, distance, rate or window.
        threshold: None for the configured one.
    """

    name: RuleName = "bayes"
    threshold: float | None = None
