"""Planting changes, and what is counted of them."""

import numpy as np
import pytest

from service.evaluation import measures
from service.evaluation.streams import AFTER, BEFORE, DRIFT, FOLLOWED, Stream, drifting, halves, joined


def stream(user: str, items: list[int], categories: list[int] | None = None) -> Stream:
    return Stream(
        user, np.array(items), np.ones(len(items), np.float32), np.array(categories or [-1] * len(items), np.int64)
    )


def users(n: int, length: int) -> list[Stream]:
    """User k uses only items k * 1000 and on."""
    return [stream(f"u{k}", list(range(k * 1000, k * 1000 + length))) for k in range(n)]


def test_a_joined_history_is_one_users_beginning_and_anothers() -> None:
    planted = joined(users(12, 50), np.random.default_rng(0))
    assert len(planted) == 12
    for one in planted:
        assert one.change is not None
        assert BEFORE <= one.change < 50
        owners = one.items // 1000
        mine = int(one.user[1:])
        assert set(owners[: one.change].tolist()) == {mine}
        assert len(set(owners[one.change :].tolist())) == 1
        assert owners[-1] != mine
        assert len(one) == one.change + FOLLOWED
        np.testing.assert_array_equal(one.items[one.change :] % 1000, np.arange(FOLLOWED))


def test_halves_are_disjoint_in_categories_and_keep_their_order() -> None:
    filed = [(at * 7) % 6 for at in range(120)]
    filed[::10] = [-1] * 12
    planted = halves([stream("u", list(range(120)), filed)], np.random.default_rng(1), tries=5)
    assert len(planted) == 5
    for one in planted:
        assert one.change is not None
        before, after = one.categories[: one.change], one.categories[one.change :]
        assert not set(before.tolist()) & set(after.tolist())
        assert -1 not in one.categories
        assert np.all(np.diff(one.items[: one.change]) > 0)
        assert np.all(np.diff(one.items[one.change :]) > 0)
        assert one.change >= BEFORE
        assert len(after) >= AFTER


@pytest.mark.parametrize("filed", [[-1] * 120, [3] * 120, [0] * 110 + [1] * 10])
def test_no_halves_where_categories_do_not_allow_them(filed: list[int]) -> None:
    assert halves([stream("u", list(range(120)), filed)], np.random.default_rng(1)) == []


def test_a_drift_moves_slowly_from_one_user_to_another() -> None:
    slow = drifting(users(30, 60), np.random.default_rng(2))
    theirs = np.array([s.items // 1000 != int(s.user[1:]) for s in slow])
    share = theirs.mean(axis=0)
    assert {s.change for s in slow} == {None}
    assert share[:BEFORE].max() == 0.0
    assert share[-AFTER:].min() == 1.0
    middle = share[BEFORE : BEFORE + DRIFT]
    np.testing.assert_allclose(middle[80:120].mean(), 0.5, atol=0.08)
    np.testing.assert_allclose(np.corrcoef(middle, np.arange(DRIFT))[0, 1], 1.0, atol=0.1)


def test_the_threshold_lets_no_more_than_the_share_through() -> None:
    rng = np.random.default_rng(3)
    series = [rng.normal(size=100) for _ in range(200)]
    for share, alarmed in ((0.05, 10), (0.01, 2), (0.0, 0)):
        threshold = measures.threshold_at(series, share)
        assert (measures.highest(series) > threshold).sum() == alarmed


def test_the_warm_up_counts_no_alarm() -> None:
    series = [np.r_[np.full(10, 9.0), np.zeros(20)]]
    assert measures.highest(series).tolist() == [0.0]
    assert measures.run_length(series, 1.0) == np.inf


def test_run_length_of_a_constant_rate_is_its_inverse() -> None:
    rng = np.random.default_rng(4)
    series = [(rng.random(400) < 1 / 50).astype(float) for _ in range(2000)]
    estimate = measures.run_length_estimate(series, 0.5, rng)
    assert estimate.low < 50 < estimate.high
    assert estimate.high / estimate.low < 1.2


@pytest.mark.parametrize("asked", [100.0, 300.0, 3000.0])
def test_the_threshold_for_a_run_length_holds_on_other_users(asked: float) -> None:
    rng = np.random.default_rng(5)
    chosen_on, others = ([rng.exponential(size=200) for _ in range(300)] for _ in range(2))
    threshold = measures.threshold_for(chosen_on, asked)
    assert 0.6 < measures.run_length(others, threshold) / asked < 1.6


def test_a_run_length_beyond_the_data_is_extrapolated() -> None:
    """Exponential values: the run length at threshold t is exp(t), so that for 100,000 is 11.5."""
    rng = np.random.default_rng(6)
    few = [rng.exponential(size=110) for _ in range(300)]
    assert measures.threshold_for(few, 100_000.0) == pytest.approx(np.log(100_000.0), abs=1.5)


def test_delays_count_from_the_change() -> None:
    series = [np.r_[np.zeros(30), 0, 0, 5, 0], np.r_[np.full(30, 5.0), np.zeros(4)], np.r_[np.zeros(30), 5, 5, 5, 5]]
    assert measures.delays(series, [30, 30, 30], 1.0).tolist() == [3.0, np.inf, 1.0]
