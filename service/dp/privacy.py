"""The mechanism with the budget that it spends."""

from dataclasses import dataclass
from datetime import timedelta

from service.dp.accounting import AccountingError, Budget, make_budget
from service.dp.mechanism import LARGEST_DEVIATION, Mechanism


@dataclass(frozen=True, slots=True)
class Privacy:
    """How vectors leave the service.

    Attributes:
        budget: of each user in each domain.
        mechanism: whose noise is the budget's.
    """

    budget: Budget
    mechanism: Mechanism


def make_privacy(*, epsilon: float, delta: float, releases: int, period_days: float) -> Privacy:
    """The least noise that keeps the promise.

    Raises:
        AccountingError: dp-accounting is not installed, or the noise would leave nothing of a vector.
    """
    budget = make_budget(epsilon=epsilon, delta=delta, releases=releases, period=timedelta(days=period_days))
    if budget.deviation > LARGEST_DEVIATION:
        raise AccountingError(
            f"{releases} vectors at epsilon {epsilon:g} need noise of standard deviation {budget.deviation:.3g} on "
            f"each component, and nothing of a vector of length 1 is left beyond {LARGEST_DEVIATION:g}; raise "
            "SWERVE_PRIVACY_EPSILON or lower SWERVE_PRIVACY_RELEASES"
        )
    return Privacy(budget, Mechanism(budget.deviation))
