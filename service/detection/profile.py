"""The detector's calibration for one encoder: topics, background and numbers."""

from dataclasses import dataclass, field

import numpy as np

from service.detection.bayes import BayesParams
from service.detection.evidence import FEATURES
from service.detection.fusion import Fusion
from service.detection.topics import Topics
from service.errors import MisuseError


class ProfileError(MisuseError, ValueError):
    """A profile that cannot be used; the message says why and what to do."""


@dataclass(frozen=True)
class Profile(Topics):
    """What the detector needs to know of a population: its topics, and the numbers.

    Attributes:
        id: of this profile, made from its content.
        space: the vector space it was fitted in (`ModelInfo.space`).
        labels: k strings, the terms that set each topic apart.
        params: numbers of the change-point model.
        fusion: what judges all the evidence; None where the log-odds of `bayes` alone are the verdict.
        threshold: log-odds above which a change is declared.
        behaviors_per_false_alarm: average run length at that threshold, as measured when the profile was made.
        ladder: pairs of a run length and the threshold for it, for who asks for another one.
    """

    id: str
    space: str
    labels: tuple[str, ...]
    threshold: float
    behaviors_per_false_alarm: float
    params: BayesParams = field(default_factory=BayesParams)
    fusion: Fusion | None = None
    ladder: tuple[tuple[float, float], ...] = ()

    def __post_init__(self) -> None:
        """Refuse arrays that do not fit together.

        Raises:
            ProfileError: naming the array.
        """
        k, length = self.prototypes.shape
        dim = len(self.center)
        for name, expected in (
            ("center", (dim,)),
            ("projection", (dim, length - dim)),
            ("background", (k,)),
            ("groups", (k,)),
        ):
            shape = getattr(self, name).shape
            if shape != expected:
                raise ProfileError(f"profile: {name} has shape {shape}, expected {expected}")
        if len(self.labels) != k:
            raise ProfileError(f"profile: {len(self.labels)} labels for {k} topics")
        if not np.all(self.background > 0) or not np.isclose(self.background.sum(), 1.0, atol=1e-3):
            raise ProfileError("profile: background shares must be positive and sum to 1")
        if not 1 <= self.nearest <= k:
            raise ProfileError(f"profile: nearest must be between 1 and the number of topics, {k}")
        if self.fusion is not None and self.fusion.feature.max(initial=-1) >= len(FEATURES):
            raise ProfileError(f"profile: its fusion asks for more than the {len(FEATURES)} figures there are")

    @property
    def topics(self) -> int:
        """K, the number of topics."""
        return len(self.prototypes)
