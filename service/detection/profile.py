"""The detector's calibration for one encoder: topics, background and numbers."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from service.detection.bayes import BayesParams
from service.detection.evidence import FEATURES
from service.detection.fusion import Fusion
from service.detection.topics import Assignment, Vectors, assign, coordinates


class ProfileError(ValueError):
    """A profile that cannot be used; the message says why and what to do."""


@dataclass(frozen=True)
class Profile:
    """What `bayes` needs to know of a population.

    Attributes:
        id: of this profile, made from its content.
        space: the vector space it was fitted in (`ModelInfo.space`).
        center: (dim,) float32, mean vector of the background.
        projection: (dim, d) float32, onto the directions that set the operator's categories apart; d may be 0.
        mix: 0 to 1, how much those directions count; 0 without any.
        prototypes: (k, dim + d) float32, unit vectors in the space of `topics.coordinates`, one a topic.
        groups: (k,) uint16, the group of similar topics that each belongs to.
        background: (k,) float32, shares of the topics, all positive, summing to 1.
        labels: k strings, the terms that set each topic apart.
        temperature: tau of the soft assignment.
        nearest: m, how many topics a behaviour may belong to.
        params: numbers of the change-point model.
        fusion: what judges all the evidence; None where the log-odds of `bayes` alone are the verdict.
        threshold: log-odds above which a change is declared.
        behaviors_per_false_alarm: average run length at that threshold, as measured when the profile was made.
        ladder: pairs of a run length and the threshold for it, for who asks for another one.
    """

    id: str
    space: str
    center: Vectors
    projection: Vectors
    mix: float
    prototypes: Vectors
    background: Vectors
    groups: NDArray[np.uint16]
    labels: tuple[str, ...]
    temperature: float
    nearest: int
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

    @cached_property
    def group_background(self) -> Vectors:
        """(g,) float32, the groups' shares of the background."""
        return np.bincount(self.groups, self.background).astype(np.float32)

    def assign(self, vectors: Vectors) -> Assignment:
        """Soft topics of unit vectors (n, dim)."""
        placed = coordinates(vectors, center=self.center, projection=self.projection, mix=self.mix)
        return assign(placed, prototypes=self.prototypes, temperature=self.temperature, nearest=self.nearest)
