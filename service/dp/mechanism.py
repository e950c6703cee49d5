"""The Gaussian mechanism on an interest vector."""

import secrets

import numpy as np
from numpy.typing import NDArray

from service.dp.gaussian import DiscreteGaussian, Source
from service.vectors import Vectors

SENSITIVITY = 2.0
"""How far z can move when a user's whole history is replaced: the diameter of the unit ball, in which every mean of
unit vectors lies. Nothing smaller holds for one behaviour either, for one can move the beginning of the regime."""
STEPS = 1024
"""Steps of the grid to a length of 1. A power of two, so that floats hold whole steps exactly."""
LARGEST_DEVIATION = 32.0
"""Beyond it nothing of a vector of length 1 is left, and the noise's table would be huge."""


class Mechanism:
    """Adds to every component of z independent Gaussian noise, in whole steps of a grid of 1/1024.

    z is brought into the unit ball and onto the grid (towards zero, which cannot leave the ball), so that the
    Euclidean sensitivity is 2 exactly; the noise is a discrete Gaussian on the same grid, so that what comes out says
    no more than the noisy sum. The cost is rho = 2 / deviation^2 of zero-concentrated differential privacy (zCDP).

    Args:
        deviation: standard deviation of the noise on each component, at most 32; z has length 1 at most.

    Raises:
        ValueError: a larger one, or one below a tenth of a step.

    >>> z = np.array([0.6, -0.8], np.float32)
    >>> Mechanism(0.25).release(z, np.random.default_rng(2).bytes)
    array([ 0.890625 , -1.1474609], dtype=float32)
    """

    def __init__(self, deviation: float) -> None:
        if not deviation <= LARGEST_DEVIATION:
            raise ValueError(f"the standard deviation may be {LARGEST_DEVIATION:g} at most")
        self.deviation = deviation
        self._noise = DiscreteGaussian(deviation * STEPS)

    def release(self, z: Vectors, source: Source = secrets.token_bytes) -> Vectors:
        """The vector with noise: (dim,) float32, whole steps exactly. Each call costs anew: keep what it gives.

        Args:
            z: (dim,), finite.
            source: of random bytes.
        """
        steps = to_steps(z) + self._noise.draw(len(z), source)
        return (steps / STEPS).astype(np.float32)


def to_steps(z: Vectors) -> NDArray[np.int64]:
    """A vector inside the unit ball, in whole steps: (dim,) int64, whose squares add up to 1024^2 at most, exactly.

    Raises:
        ValueError: not finite.
    """
    exact = z.astype(np.float64)
    if not np.all(np.isfinite(exact)):
        raise ValueError("a vector that is not finite cannot be released")
    exact /= max(float(np.linalg.norm(exact)), 1.0)
    steps = np.trunc(exact * STEPS).astype(np.int64)
    squares = int(steps @ steps)
    if squares > STEPS**2:  # by rounding
        steps = np.trunc(steps * (STEPS / np.sqrt(squares) * (1.0 - 2.0**-40))).astype(np.int64)
    return steps


def cost_of(deviation: float) -> float:
    """rho, what one release costs in zCDP: sensitivity^2 / (2 deviation^2). The costs of releases add up."""
    return SENSITIVITY**2 / (2.0 * deviation**2)


def deviation_of(cost: float) -> float:
    """The standard deviation at which a release costs that much."""
    return float(SENSITIVITY / np.sqrt(2.0 * cost))
