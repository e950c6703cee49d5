"""Part 7: the engine on a GPU in fp16, beside the bare session with I/O binding at fixed buckets of length."""

import asyncio
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from bench.serving.bare import open_graph
from bench.serving.encoder import BRIEF, CALLERS, FULL, export_as, repetition, text_sets
from bench.serving.pairs import in_pairs, ratio_cell, target_line
from bench.serving.setting import Setting
from service.encoder import Manifest, OnnxEncoder, read_manifest
from service.encoder.session import CPU, CUDA, cuda_usable, session_options
from service.encoder.tokenization import TextTokenizer, Tokens

TITLE = "GPU: the engine in fp16 beside the bare session"
TARGET = 0.95
PRECISION = "fp16"
BUCKETS = (8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)
BUDGETS = (8192, 16384, 32768)
CALL_TEXTS = 64


def measure(setting: Setting) -> dict[str, Any]:
    """Ratios to the bare session at several numbers of callers; `missing` where there is no GPU."""
    if not cuda_usable():
        return {"missing": "no CUDA device"}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / PRECISION
        problem = export_as(PRECISION, setting.model, folder)
        if problem:
            return {"missing": problem}
        return {"target": TARGET, "precision": PRECISION, "sets": _sets(setting, folder)}


def bucket(length: int) -> int:
    """The length that a text is padded to: the next bucket, or its own beyond the last.

    Example:
        >>> bucket(17), bucket(600)
        (24, 600)
    """
    return next((size for size in BUCKETS if size >= length), length)


class BoundSession:
    """The graph on the GPU, its inputs there beforehand and its output left there."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self._manifest = manifest
        self._tokenizer = TextTokenizer.load(folder, manifest)
        self._session = open_graph(folder, session_options(), (CUDA, CPU))

    def prepare(self, tokens: Sequence[Tokens], budget: int) -> list[onnxruntime.IOBinding]:
        """One binding a batch, each of texts of one bucket, as many as the budget of tokens allows."""
        bindings = []
        for size in sorted({bucket(len(one)) for one in tokens}):
            members = [one for one in tokens if bucket(len(one)) == size]
            step = max(1, budget // size)
            bindings += [self._bind(members[start : start + step], size) for start in range(0, len(members), step)]
        return bindings

    def seconds(self, bindings: Sequence[onnxruntime.IOBinding]) -> float:
        """Run all batches; how long that took."""
        began = time.perf_counter()
        for binding in bindings:
            self._session.run_with_iobinding(binding)
            binding.synchronize_outputs()
        return time.perf_counter() - began

    def _bind(self, batch: Sequence[Tokens], size: int) -> onnxruntime.IOBinding:
        input_ids, attention_mask = (
            np.pad(ids, ((0, 0), (0, size - ids.shape[1])), constant_values=filler)
            for ids, filler in zip(self._tokenizer.pad(batch), (self._manifest.pad_token_id, 0), strict=True)
        )
        feeds = {"input_ids": input_ids, "attention_mask": attention_mask}
        if "token_type_ids" in self._manifest.graph.inputs:
            feeds["token_type_ids"] = np.zeros_like(input_ids)
        binding = self._session.io_binding()
        for name, ids in feeds.items():
            binding.bind_ortvalue_input(name, onnxruntime.OrtValue.ortvalue_from_numpy(ids, "cuda", 0))
        binding.bind_output(self._manifest.graph.output, "cuda")
        return binding


def _sets(setting: Setting, folder: Path) -> list[dict[str, Any]]:
    size = BRIEF if setting.brief else FULL
    manifest = read_manifest(folder)
    bare, tokenizer = BoundSession(folder, manifest), TextTokenizer.load(folder, manifest)
    encoder = OnnxEncoder.load(folder, cache_texts=0, capacity_texts=size.short)
    try:
        with asyncio.Runner() as runner:
            return [
                {
                    "name": name,
                    **_one_set(
                        bare, tokenizer.tokenize(texts), encoder=encoder, runner=runner, texts=texts, pairs=size.pairs
                    ),
                }
                for name, texts in text_sets(setting.texts, size, setting.random).items()
            ]
    finally:
        encoder.close()


def _one_set(
    bare: BoundSession,
    tokens: Sequence[Tokens],
    *,
    encoder: OnnxEncoder,
    runner: asyncio.Runner,
    texts: Sequence[str],
    pairs: int,
) -> dict[str, Any]:
    prepared = {budget: bare.prepare(tokens, budget) for budget in BUDGETS}
    for bindings in prepared.values():
        bare.seconds(bindings)  # a shape's first run allocates
    budget = min(BUDGETS, key=lambda one: bare.seconds(prepared[one]))
    count = sum(map(len, tokens))
    rows = []
    for callers in CALLERS:
        repeat = repetition(encoder, runner, texts, callers=callers, call_texts=CALL_TEXTS)
        repeat()
        found = in_pairs(lambda: bare.seconds(prepared[budget]), repeat, pairs)
        rows.append({"callers": callers, **found.figures(len(texts), count)})
    return {"texts": len(texts), "tokens": count, "budget": budget, "rows": rows}


def section(figures: dict[str, Any]) -> list[str]:
    """A table, or in plain words that there is none."""
    if "missing" in figures:
        return [f"**GPU figures are missing: {figures['missing']}.** Nothing is claimed about GPUs.", ""]
    lines = [
        (
            "The engine in fp16, tokenization included, beside `run_with_iobinding` alone, whose inputs lie on the GPU "
            f"beforehand, padded to fixed buckets of length. Calls of up to {CALL_TEXTS} texts."
        ),
        "",
        "| texts | callers | ratio | texts/s | tokens/s | bare texts/s |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    missed = []
    for one in figures["sets"]:
        for row in one["rows"]:
            speeds = [row[name] for name in ("texts_per_second", "tokens_per_second", "reference_texts_per_second")]
            cells = [one["name"], str(row["callers"]), ratio_cell(row), *(f"{speed:,.0f}" for speed in speeds)]
            lines.append("| " + " | ".join(cells) + " |")
            if row["ratio"] < figures["target"]:
                missed.append(f"{row['ratio']:.3f} with {row['callers']} callers, {one['name']}")
    return [*lines, "", target_line(f"at least {figures['target']:g} everywhere", missed), ""]
