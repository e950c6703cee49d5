"""The page of bench/serving, from made-up figures: targets are computed, and what is missing is said."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import helper, numpy_helper

from bench.serving import encoder, gpu, memory, options, page, peers_part, shared_rows
from bench.serving.card import Arithmetic
from bench.serving.encoder import in_parts
from bench.serving.page import write_page
from bench.serving.pairs import in_pairs, in_turns, target_line
from bench.serving.parts import PARTS

MACHINE = {
    "date": "2026-01-02",
    "cpu": "Made-up CPU",
    "cores": 2,
    "memory_gib": 4.0,
    "load_average_at_start": 0.1,
    "system": "Linux x86_64",
    "python": "3.11.1",
    "versions": {"numpy": "2.0"},
    "commit": "abc1234",
}


def _pair(ratio: float) -> dict[str, Any]:
    return in_pairs(lambda: ratio, lambda: 1.0, 3).figures(texts=100, tokens=1000)


def _encoder(*ratios: float) -> dict[str, Any]:
    shares = {"padding_share": 0.05, "texts_per_batch": 20.0, "model_share": 0.97, "tokenization_share": 0.01}
    one = {"name": "short", "texts": 100, "tokens": 1000, "shortest": 3, "longest": 40}
    rows = [{"callers": 8, "call_texts": 64, **_pair(ratio), **shares} for ratio in ratios]
    bare = {"limit": "256 tokens", "tried_tokens_per_second": {}, "padding_share": 0.01}
    return {
        "target": 0.95,
        "precision": "fp32",
        "sets": [{**one, "bare": bare, "rows": rows}],
        "int8": {"missing": "x"},
    }


def _memory(growth: float) -> dict[str, Any]:
    samples = [
        {"seconds": 0.0, "rss": 1e8, "texts": 0, "cached": 0},
        {"seconds": 60.0, "rss": 2e8, "texts": 600, "cached": 1000},
        {"seconds": 90.0, "rss": 2e8 * (1 + growth), "texts": 900, "cached": 1000},
    ]
    runs = {name: memory.summary(samples, 60) for name in memory.SECONDS}
    return {"target": 0.05, "cache_texts": 1000, "runs": runs}


def _peers(*rows: dict[str, Any]) -> dict[str, Any]:
    return {"target": 1.0, "threads": 2, "sets": [{"name": "short", "texts": 100, "rows": list(rows)}]}


def _write(folder: Path, name: str, figures: dict[str, Any], *, brief: bool = False) -> None:
    (folder / f"{name}.json").write_text(json.dumps({"machine": MACHINE, "brief": brief, "figures": figures}))


def test_every_part_has_its_place_and_one_without_figures_is_said(tmp_path: Path) -> None:
    _write(tmp_path, "encoder", _encoder(0.97))
    write_page(tmp_path)
    text = (tmp_path / "README.md").read_text("utf-8")
    assert text.count("\n## ") == len(PARTS)
    for name in PARTS:
        assert (f"Not measured: run `python -m bench.serving --only {name}`" in text) == (name != "encoder")
    assert "do not edit" in text
    assert "Made-up CPU, 2 cores, 4 GiB" in text


def test_a_part_whose_module_is_not_there_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "part_of", lambda _: None)
    _write(tmp_path, "encoder", _encoder(0.97))
    write_page(tmp_path)
    assert (tmp_path / "README.md").read_text("utf-8").count("Not measured") == len(PARTS)


@pytest.mark.parametrize(("brief", "said"), [(True, 1), (False, 0)])
def test_a_brief_run_is_said(tmp_path: Path, *, brief: bool, said: int) -> None:
    _write(tmp_path, "encoder", _encoder(0.97), brief=brief)
    write_page(tmp_path)
    assert (tmp_path / "README.md").read_text("utf-8").count("too short to mean anything") == said


def test_encoder_meets_its_target_only_in_every_row() -> None:
    assert "Target: at least 0.95 everywhere: met." in encoder.section(_encoder(0.95, 1.02))
    lines = "\n".join(encoder.section(_encoder(0.94, 1.02)))
    assert "**missed**: 0.940 with 8 callers, 64 texts a call, short." in lines
    assert "int8 was not measured: x" in lines


def test_memory_meets_its_target_below_five_percent(tmp_path: Path) -> None:
    assert any(line.endswith(": met.") for line in memory.section(_memory(0.04)))
    assert any(line.endswith("**missed**: it grew by 6.0%.") for line in memory.section(_memory(0.06)))
    filling = _memory(0.04)
    filling["runs"]["ours"]["cached_after_warm_up"] = 10
    assert any("**missed**: the cache was still filling" in line for line in memory.section(filling))
    assert memory.draw(_memory(0.04), tmp_path) == ["![Resident memory over time](memory.svg)", ""]
    assert (tmp_path / "memory.svg").exists()


def test_shared_rows_are_told_beside_the_bare_session_and_beside_a_row_each() -> None:
    row = {"name": "short", "callers": 1, "call_texts": 8, **_pair(1.25)}
    lines = shared_rows.section({**_encoder(0.97), "beside_a_row_each": [row]})
    assert "| short | 1 | 8 | 1.250 (1.250–1.250) | 100 | 80 |" in lines
    assert any(line.endswith("everywhere: met.") for line in lines)


def test_options_are_told_by_what_they_are() -> None:
    lines = options.section({"rows": [{"name": "short", "options": "ours", **_pair(0.98)}]})
    assert any("arena on, memory pattern off | 0.980" in line for line in lines)


def test_memory_needs_samples_after_the_warm_up() -> None:
    with pytest.raises(ValueError, match="fewer than two samples"):
        memory.summary([{"seconds": 1.0, "rss": 1.0, "texts": 1, "cached": 1}], 60)


def test_a_peer_that_is_faster_or_was_not_measured_misses_the_target() -> None:
    told = {"engine": "fastembed", "versions": {}, "setting": {"batch_size": 32}, "lowest_cosine": 1.0}
    assert any(line.endswith(": met.") for line in peers_part.section(_peers({**told, **_pair(1.2)})))
    assert "0.900 beside fastembed, short" in peers_part.section(_peers({**told, **_pair(0.9)}))[-2]
    missing = peers_part.section(_peers({"engine": "fastembed", "missing": "it broke"}))
    assert "fastembed was not measured" in missing[-2]


def test_what_could_not_be_measured_claims_nothing() -> None:
    for part in (gpu, peers_part, shared_rows):
        text = "\n".join(part.section({"missing": "no such thing"}))
        assert "no such thing" in text
        assert "met" not in text


def test_gpu_section_tells_the_limit_and_whether_it_is_ahead_of_the_peer() -> None:
    shares = {"texts_per_batch": 64.0, "padding_share": 0.1, "model_share": 0.5, "tokenization_share": 0.4}
    row = {"callers": 8, "call_texts": 64, **_pair(0.5), **shares}
    one = {
        "name": "short",
        "texts": 100,
        "tokens": 1000,
        "budget": 8192,
        "operations": 2e9,
        "tokenized_texts_per_second": row["reference_texts_per_second"] / 4,
        "rows": [row],
    }
    figures = {
        "agreement": {"texts": 256, "lowest_cosine": 0.99999, "canary": True},
        "limit": {"missing": "torch is not installed"},
        "sets": [one],
        "peer": {"version": "1", "torch": "2", "rows": [{"name": "short", "batch_size": 64, **_pair(0.9)}]},
    }
    text = "\n".join(gpu.section(figures))
    assert "is 0.25 of it" in text
    assert "The card's limit was not measured: torch is not installed." in text
    assert "ahead of it: **missed**: 0.90, short." in text
    figures["peer"] = {"missing": "no folder"}
    assert "sentence-transformers was not measured: no folder." in "\n".join(gpu.section(figures))


def test_arithmetic_counts_each_weight_once_a_token_and_attention_by_the_square(tmp_path: Path) -> None:
    weights = [
        numpy_helper.from_array(np.zeros(shape, np.float32), name) for name, shape in (("a", (4, 12)), ("b", (4, 8)))
    ]
    nodes = [
        helper.make_node("Attention", ["x", "a", "bias"], ["y"], domain="com.microsoft", num_heads=2),
        helper.make_node("MatMul", ["y", "b"], ["z"]),
        helper.make_node("MatMul", ["z", "y"], ["scores"]),  # no weights
    ]
    graph = helper.make_graph(nodes, "tiny", [], [], weights)
    (tmp_path / "model.onnx").write_bytes(helper.make_model(graph).SerializeToString())
    arithmetic = Arithmetic.of(tmp_path)
    assert (arithmetic.weights, arithmetic.attention) == (4 * 12 + 4 * 8, 4)
    assert arithmetic.operations([3, 5]) == 2 * 80 * 8 + 4 * 4 * (9 + 25)


def test_pairs_are_reference_over_measured_whichever_goes_first() -> None:
    order: list[str] = []

    def one(name: str, seconds: float) -> float:
        order.append(name)
        return seconds

    found = in_pairs(lambda: one("reference", 2.0), lambda: one("measured", 4.0), 2)
    assert found.ratios == [0.5, 0.5]
    assert order == ["reference", "measured", "measured", "reference"]
    assert found.figures(8, 80)["texts_per_second"] == 2.0


def test_parts_take_turns_and_are_summed() -> None:
    order: list[str] = []

    def part(name: str, seconds: float) -> Callable[[], float]:
        def repeat() -> float:
            order.append(name)
            return seconds

        return repeat

    found = in_turns([part("a", 1.0), part("b", 2.0)], [part("A", 4.0), part("B", 2.0)], 2)
    assert found.ratios == [0.5, 0.5]
    assert "".join(order) == "aABb" + "AabB"
    assert in_parts("abcde", 2) == ["ab", "cde"]


def test_target_line_tells_every_miss() -> None:
    assert target_line("fast", ["a", "b"]) == "Target: fast: **missed**: a; b."
