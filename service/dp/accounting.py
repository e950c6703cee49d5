"""What releases cost together, after Google's dp-accounting, and what a user's budget has room for."""

import importlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import ModuleType
from typing import Any

import numpy as np

from service.dp.mechanism import SENSITIVITY, cost_of

LOWEST_MULTIPLIER, HIGHEST_MULTIPLIER = 1e-3, 1e6
"""Noise in units of the sensitivity, between which it is looked for."""
ORDERS: tuple[float, ...] = tuple(1.0 + np.geomspace(1e-3, 1e5, 600))
"""Rényi orders: dense, for between two of them the bound is given away."""
MARGIN = 1e-9
"""Relative, so that rounding never lets one release too many or too few through."""

Spent = Sequence[tuple[datetime, float]]
"""Times and costs of releases."""


class AccountingError(Exception):
    """The budget cannot be kept; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What may be released of one user in any stretch of time as long as the period.

    Attributes:
        epsilon: of all the releases together.
        delta: likewise.
        releases: how many the budget is divided into.
        period: how long a release counts.
        most: rho, the zCDP that they may cost together.
        deviation: of the noise on each component of a release.
    """

    epsilon: float
    delta: float
    releases: int
    period: timedelta
    most: float
    deviation: float

    @property
    def cost(self) -> float:
        """What one release costs: rho."""
        return cost_of(self.deviation)

    def fits(self, spent: Spent, releases: int = 1) -> bool:
        """Whether so many more releases may be made now.

        Args:
            spent: the releases of the period up to now; some may have been made under another budget.
            releases: how many more.
        """
        return math.fsum([*(cost for _, cost in spent), releases * self.cost]) <= self.most

    def left(self, spent: Spent) -> int:
        """How many more releases may be made now."""
        room = self.most - math.fsum(cost for _, cost in spent)
        left = max(int(room / self.cost), 0)
        return left if self.fits(spent, left) else max(left - 1, 0)

    def renews(self, spent: Spent, releases: int = 1) -> datetime | None:
        """When so many more releases may be made at the earliest; None if never, or at once.

        Args:
            spent: the releases of the period up to now.
            releases: how many more.
        """
        ordered = sorted(spent)
        for gone in range(1, len(ordered) + 1):
            if self.fits(ordered[gone:], releases):
                return ordered[gone - 1][0] + self.period
        return None


def make_budget(*, epsilon: float, delta: float, releases: int, period: timedelta) -> Budget:
    """The least noise at which that many releases together are (epsilon, delta)-differentially private.

    By dp-accounting's Rényi accountant: for Gaussian noise its bound depends on the sum of the releases' zCDP costs
    alone, whatever their noise. So the budget is one number, which releases under different settings can share.

    Raises:
        AccountingError: dp-accounting is not installed, or no noise is enough.
    """
    library = _library()

    try:
        multiplier = float(
            library.calibrate_dp_mechanism(
                lambda: _accountant(library),
                library.GaussianDpEvent,
                epsilon,
                delta,
                library.ExplicitBracketInterval(LOWEST_MULTIPLIER, HIGHEST_MULTIPLIER),
                tol=1e-9,
            )
        )
    except ValueError as error:
        raise AccountingError(f"no noise gives epsilon {epsilon:g} at delta {delta:g}: {error}") from error
    while epsilon_of([multiplier * SENSITIVITY], delta) > epsilon:
        multiplier *= 1.0 + MARGIN
    most = cost_of(multiplier * SENSITIVITY)
    deviation = multiplier * SENSITIVITY * math.sqrt(releases) * (1.0 + MARGIN)
    return Budget(epsilon, delta, releases, period, most, deviation)


def epsilon_of(deviations: Sequence[float], delta: float) -> float:
    """The epsilon of releases with noise of these standard deviations together.

    Raises:
        AccountingError: dp-accounting is not installed.
    """
    library = _library()
    events = [library.GaussianDpEvent(deviation / SENSITIVITY) for deviation in deviations]
    return float(_accountant(library).compose(library.ComposedDpEvent(events)).get_epsilon(delta))


def _accountant(library: ModuleType) -> Any:  # noqa: ANN401 - of a library that may be absent
    """Of the relation "one user's history is replaced", whose sensitivity the multipliers are in units of."""
    return library.rdp.RdpAccountant(ORDERS, library.NeighboringRelation.REPLACE_ONE)


def _library() -> ModuleType:
    """Only where it is asked for: an extra, which takes half a second to import."""
    try:
        importlib.import_module("dp_accounting.rdp")
        return importlib.import_module("dp_accounting")
    except ModuleNotFoundError as error:
        raise AccountingError(
            f"SWERVE_PRIVACY_EPSILON needs the package {error.name}: pip install 'swerve[privacy]', or leave the "
            "setting out"
        ) from error
