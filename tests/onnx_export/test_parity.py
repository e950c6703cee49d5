from dataclasses import replace

import numpy as np
import pytest

from onnx_export import errors
from onnx_export.manifest import Parity
from onnx_export.parity import BATCH, GATES, _figures, _mixed_batches, check, neighbour_overlap
from onnx_export.texts import BEHAVIOURS, SUITE

PERFECT = Parity(
    texts=297,
    max_abs_diff=0.0,
    mean_cosine=1.0,
    min_cosine=1.0,
    neighbour_overlap=1.0,
    batch_single_max_abs_diff=0.0,
    batch_single_min_cosine=1.0,
)


def unit_rows(count: int, seed: int = 0) -> np.ndarray:
    rows = np.random.default_rng(seed).standard_normal((count, 16)).astype(np.float32)
    normalised: np.ndarray = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return normalised


def test_the_suite_is_large_and_varied() -> None:
    assert len(SUITE) == len(set(SUITE)) >= 200
    assert len(BEHAVIOURS) >= 150
    assert SUITE[: len(BEHAVIOURS)] == BEHAVIOURS
    assert "" in SUITE
    assert any(text and not text.strip() for text in SUITE)
    assert any(len(text) == 1 and text.isalpha() for text in SUITE)
    assert sum("\u4e00" <= text[:1] <= "\u9fff" for text in SUITE) >= 15
    assert sum(any(ord(char) > 0x1F000 for char in text) for text in SUITE) >= 5
    assert sum(len(text) > 2000 for text in SUITE) >= 3


@pytest.mark.parametrize("precision", GATES)
def test_a_perfect_graph_passes(precision: str) -> None:
    check(PERFECT, GATES[precision])


@pytest.mark.parametrize(
    ("precision", "worse", "error", "message"),
    [
        ("fp32", {"max_abs_diff": 1.1e-5}, errors.ParityError, "is 1.1e-05, at most 1e-05"),
        ("fp32", {"batch_single_max_abs_diff": 1.1e-5}, errors.BatchParityError, "batch and single is 1.1e-05"),
        ("int8", {"mean_cosine": 0.9849}, errors.ParityError, "0.984900, at least 0.985"),
        ("int8", {"neighbour_overlap": 0.799}, errors.ParityError, "nearest neighbours is 0.799000, at least 0.8"),
        ("int8", {"batch_single_min_cosine": 0.99989}, errors.BatchParityError, "0.999890, at least 0.9999"),
        ("fp16", {"mean_cosine": 0.99989}, errors.ParityError, "0.999890, at least 0.9999"),
        ("fp32", {"max_abs_diff": float("nan")}, errors.ParityError, "is nan"),
        ("fp16", {"mean_cosine": float("nan")}, errors.ParityError, "is nan"),
    ],
)
def test_a_worse_graph_is_refused_with_the_figure(
    precision: str, worse: dict[str, float], error: type[errors.ParityError], message: str
) -> None:
    with pytest.raises(error, match=message) as caught:
        check(replace(PERFECT, **worse), GATES[precision])  # type: ignore[arg-type]  # all these fields are floats
    assert type(caught.value) is error


def test_neighbours_of_a_rotation_are_the_same_and_of_noise_are_not() -> None:
    rows = unit_rows(60)
    rotation = np.linalg.qr(np.random.default_rng(1).standard_normal((16, 16)))[0].astype(np.float32)
    assert neighbour_overlap(rows, rows @ rotation) == pytest.approx(1, abs=0.01)
    by_chance = 10 / 59
    assert neighbour_overlap(rows, unit_rows(60, seed=2)) == pytest.approx(by_chance, abs=0.05)


def test_a_row_is_not_its_own_neighbour() -> None:
    rows = np.eye(3, dtype=np.float32)
    rows[1] = [0.8, 0.6, 0.0]
    moved = np.eye(3, dtype=np.float32)
    moved[1] = [0.0, 0.6, 0.8]
    # The nearest of row 0 is row 1 before and a tie (row 1, the lower number) after; of row 1 it is 0, then 2.
    assert neighbour_overlap(rows, moved, k=1) == pytest.approx(1 / 3)


def test_figures_take_the_worse_of_batch_and_single() -> None:
    expected = unit_rows(30)
    single = expected.copy()
    single[4, 0] += 0.25

    figures = _figures(expected, expected.copy(), single)

    assert figures.max_abs_diff == pytest.approx(0.25)
    assert figures.batch_single_max_abs_diff == pytest.approx(0.25)
    assert figures.min_cosine == pytest.approx(figures.batch_single_min_cosine)
    assert figures.min_cosine < 0.99 < figures.mean_cosine


@pytest.mark.parametrize("count", [1, 15, 16, 17, 297])
def test_batches_hold_every_row_once(count: int) -> None:
    batches = _mixed_batches(count)
    assert sorted(np.concatenate(batches).tolist()) == list(range(count))
    assert max(map(len, batches)) <= BATCH
