"""The detector's calibration for one encoder: topics, background and numbers."""

from dataclasses import dataclass, field

import numpy as np

from service.detection.bayes import BayesParams
from service.detection.topics import Assignment, Vectors, assign


class ProfileError(ValueError):
    """A profile that cannot be used; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Profile:
    """What `bayes` needs to know of a population.

    Attributes:
        id: of this profile, made from its content.
        space: the vector space it was fitted in (`ModelInfo.space`).
        center: (dim,) float32, mean vector of the background.
        prototypes: (k, dim) float32, unit vectors in the centred space, one a topic.
        background: (k,) float32, shares of the topics, all positive, summing to 1.
        labels: k strings, the terms that set each topic apart.
        temperature: tau of the soft assignment.
        nearest: m, how many topics a behaviour may belong to.
        params: numbers of the change-point model.
        threshold: log-odds above which a change is declared.
        behaviors_per_false_alarm: average run length at that threshold, as measured when the profile was made.
    """

    id: str
    space: str
    center: Vectors
    prototypes: Vectors
    background: Vectors
    labels: tuple[str, ...]
    temperature: float
    nearest: int
    threshold: float
    behaviors_per_false_alarm: float
    params: BayesParams = field(default_factory=BayesParams)

    def __post_init__(self) -> None:
        """Refuse arrays that do not fit together.

        Raises:
            ProfileError: naming the array.
        """
        k, dim = self.prototypes.shape
        for name, expected in (("center", (dim,)), ("background", (k,))):
            shape = getattr(self, name).shape
            if shape != expected:
                raise ProfileError(f"profile: {name} has shape {shape}, expected {expected}")
        if len(self.labels) != k:
            raise ProfileError(f"profile: {len(self.labels)} labels for {k} topics")
        if not np.all(self.background > 0) or not np.isclose(self.background.sum(), 1.0, atol=1e-3):
            raise ProfileError("profile: background shares must be positive and sum to 1")
        if not 1 <= self.nearest <= k:
            raise ProfileError(f"profile: nearest must be between 1 and the number of topics, {k}")

    @property
    def topics(self) -> int:
        """K, the number of topics."""
        return len(self.prototypes)

    def assign(self, vectors: Vectors) -> Assignment:
        """Soft topics of unit vectors (n, dim)."""
        return assign(
            vectors,
            center=self.center,
            prototypes=self.prototypes,
            temperature=self.temperature,
            nearest=self.nearest,
        )
