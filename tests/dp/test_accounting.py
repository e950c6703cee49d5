"""The budget: that it is what dp-accounting says, for one kind of noise and for many together."""

import importlib
import sys
from datetime import UTC, datetime, timedelta

import dp_accounting  # type: ignore[import-untyped]  # ships no types
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from service.dp.accounting import AccountingError, Budget, epsilon_of, make_budget
from service.dp.mechanism import LARGEST_DEVIATION, SENSITIVITY, cost_of
from service.dp.privacy import make_privacy

NOW = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def budget_of(epsilon: float = 8.0, delta: float = 1e-6, releases: int = 10) -> Budget:
    return make_budget(epsilon=epsilon, delta=delta, releases=releases, period=30 * DAY)


def spent_on(*deviations: float) -> list[tuple[datetime, float]]:
    return [(NOW, cost_of(deviation)) for deviation in deviations]


@settings(max_examples=25, deadline=None)
@given(
    epsilon=st.floats(0.05, 64.0),
    exponent=st.floats(-11.0, -3.0),
    releases=st.integers(1, 40),
    others=st.lists(st.floats(0.3, 60.0), max_size=5),
)
def test_a_release_is_refused_exactly_when_the_accountant_says(
    epsilon: float, exponent: float, releases: int, others: list[float]
) -> None:
    """Releases that were made under other settings are counted in, each for what it cost."""
    delta = 10.0**exponent
    budget = budget_of(epsilon, delta, releases)
    made = list(others)
    for _ in range(releases + 1):
        told = epsilon_of([*made, budget.deviation], delta)
        assume(abs(told - epsilon) > 1e-5 * epsilon or not others)
        fits = budget.fits(spent_on(*made))
        assert fits == (told <= epsilon), (told, epsilon)
        assert (budget.left(spent_on(*made)) > 0) == fits
        if not fits:
            break
        made.append(budget.deviation)
    if not others:
        assert len(made) == releases


@pytest.mark.parametrize(("epsilon", "releases"), [(0.5, 1), (8.0, 1), (8.0, 30), (64.0, 7)])
def test_the_budget_is_used_up_to_the_last_and_no_further(epsilon: float, releases: int) -> None:
    budget = budget_of(epsilon, releases=releases)
    assert 0.999 * epsilon < epsilon_of([budget.deviation] * releases, 1e-6) <= epsilon
    assert epsilon_of([budget.deviation] * (releases + 1), 1e-6) > epsilon
    assert budget.left([]) == releases


def test_one_release_is_near_the_exact_gaussian_mechanism() -> None:
    """The analytic Gaussian mechanism (Balle & Wang 2018) needs the least noise: 3 to 8 % less, as the docs say."""
    for epsilon in (0.5, 1.0, 8.0, 64.0):
        least = SENSITIVITY * dp_accounting.get_sigma_gaussian(epsilon, 1e-6)
        assert 1.03 * least <= budget_of(epsilon, releases=1).deviation < 1.08 * least


def test_room_comes_back_as_releases_grow_old() -> None:
    budget = budget_of(releases=3)
    spent = [(NOW - n * DAY, budget.cost) for n in (1, 20, 10)]
    assert not budget.fits(spent)
    assert budget.renews(spent) == NOW + 10 * DAY
    assert budget.renews(spent, 2) == NOW + 20 * DAY
    assert budget.renews(spent, 3) == NOW + 29 * DAY
    assert budget.renews(spent, 4) is None
    assert [budget.left(spent[n:]) for n in range(4)] == [0, 1, 2, 3]


def test_more_than_there_is_leaves_nothing() -> None:
    budget = budget_of(releases=2)
    assert budget.left(spent_on(0.01)) == 0


def test_noise_beyond_use_is_refused_with_the_remedy() -> None:
    with pytest.raises(AccountingError, match=r"raise SWERVE_PRIVACY_EPSILON or lower SWERVE_PRIVACY_RELEASES"):
        make_privacy(epsilon=0.5, delta=1e-6, releases=30, period_days=30)
    made = make_privacy(epsilon=0.5, delta=1e-6, releases=1, period_days=30)
    assert made.mechanism.deviation == made.budget.deviation < LARGEST_DEVIATION
    assert made.budget.period == 30 * DAY


def test_without_the_package_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dp_accounting", None)
    monkeypatch.setitem(sys.modules, "dp_accounting.rdp", None)
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("dp_accounting")
    with pytest.raises(AccountingError, match=r"dp_accounting.*pip install 'swerve\[privacy\]'"):
        budget_of()
