"""river's detectors as statistics against the detectors themselves, and ruptures on an obvious split."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

drift = pytest.importorskip("river.drift")
pytest.importorskip("ruptures")

from bench.detection import peers  # noqa: E402  # it needs the two
from service.evaluation.baselines import Floats, distance_to_running_mean  # noqa: E402

Vectors = NDArray[np.float32]

DIM = 16
SEEDS = np.random.default_rng(0).integers(1 << 30, size=5).tolist()
SENSITIVITIES: dict[str, Floats] = {
    "river ADWIN": -np.log(peers.ADWIN_DELTAS),
    "river KSWIN": np.array([0.5, 2.0, 4.0, 8.0, 11.0]),
    "river Page-Hinkley": np.array([0.1, 0.3, 1.0, 3.0, 10.0]),
}
DETECTORS: dict[str, Callable[[float], object]] = {
    "river ADWIN": lambda s: drift.ADWIN(delta=float(np.exp(-s)), clock=1),
    "river KSWIN": lambda s: drift.KSWIN(alpha=float(np.exp(-s)), window_size=30, stat_size=10, seed=0),
    "river Page-Hinkley": lambda s: drift.PageHinkley(min_instances=10, threshold=s),
}


def draw(seed: int, *lengths: int) -> Vectors:
    """Noisy unit vectors around one random direction a regime."""
    numbers = np.random.default_rng(seed)
    regimes = [2.0 * numbers.normal(size=DIM) + numbers.normal(size=(length, DIM)) for length in lengths]
    rows = np.concatenate(regimes)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def judge(name: str, vectors: Vectors) -> Floats:
    return peers.PEERS[name](vectors, np.arange(float(len(vectors))))


def first_alarm(name: str, sensitivity: float, vectors: Vectors) -> int | None:
    """Of river's own detector, set to that sensitivity."""
    detector = DETECTORS[name](sensitivity)
    for t, distance in enumerate(distance_to_running_mean(vectors).tolist()):
        detector.update(distance)  # type: ignore[attr-defined]
        if detector.drift_detected:  # type: ignore[attr-defined]
            return t
    return None


@pytest.mark.parametrize("name", peers.PEERS)
@pytest.mark.parametrize("seed", SEEDS)
def test_the_statistic_first_reaches_a_sensitivity_where_the_detector_first_alarms(name: str, seed: int) -> None:
    vectors = draw(seed, 120, 60)
    statistic = judge(name, vectors)
    alarms = [first_alarm(name, sensitivity, vectors) for sensitivity in SENSITIVITIES[name]]
    reached = [np.flatnonzero(statistic > sensitivity - 1e-9) for sensitivity in SENSITIVITIES[name]]
    assert [int(times[0]) if len(times) else None for times in reached] == alarms
    assert any(alarm is not None for alarm in alarms)


@pytest.mark.parametrize("name", peers.PEERS)
def test_a_statistic_sees_no_later_behaviour(name: str) -> None:
    vectors = draw(1, 60, 40)
    whole = judge(name, vectors)
    for length in (0, 1, 9, 10, 29, 30, 31, 65, 99):
        np.testing.assert_allclose(judge(name, vectors[:length]), whole[:length], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", peers.PEERS)
def test_a_clear_change_is_seen(name: str) -> None:
    statistic = judge(name, draw(2, 200, 100))
    assert statistic.shape == (300,)
    assert statistic[200:].max() > statistic[:200].max()


def test_the_offline_search_finds_an_obvious_split() -> None:
    split, gain = peers.kernel_cpd(draw(3, 60, 30))
    assert split == 60
    _, of_nothing = peers.kernel_cpd(draw(3, 90))
    assert 0 <= of_nothing < gain / 2 < 0.5


def test_the_offline_search_keeps_to_the_newest_behaviours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "KERNEL_CPD_LONGEST", 50)
    split, _ = peers.kernel_cpd(draw(4, 40, 40, 30))
    assert split == 80


@pytest.mark.parametrize("vectors", [draw(5, 0), draw(5, 9), np.repeat(draw(5, 1), 30, axis=0)])
def test_the_offline_search_finds_nothing_where_there_is_nothing(vectors: Vectors) -> None:
    assert peers.kernel_cpd(vectors) == (0, 0.0)
