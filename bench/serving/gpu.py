"""Part 7: the engine on a GPU in fp16, beside the bare session with I/O binding, the card, and a peer."""

import asyncio
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import onnxruntime

from bench.serving.bare import open_graph
from bench.serving.card import Arithmetic, measured_limit
from bench.serving.encoder import BRIEF, CALLERS, Size, export_as, repetition, shares, speed_table, text_sets
from bench.serving.pairs import in_pairs, ratio_cell, target_line
from bench.serving.setting import Setting
from service.encoder import Manifest, OnnxEncoder, read_manifest
from service.encoder.layout import a_row_each
from service.encoder.session import CPU, CUDA, cuda_usable, session_options
from service.encoder.tokenization import TextTokenizer, Tokens
from service.vectors import Vectors

TITLE = "GPU: the engine in fp16 beside the bare session, the card and sentence-transformers"
PRECISION = "fp16"
BUCKETS = (8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)
BUDGETS = (8192, 16384, 32768, 65536)
FULL = Size(short=16384, mixed=4096, pairs=5)
CALL_TEXTS = (64, 1000)
"""Texts a call: what the other parts use, and the most that a request may hold."""
PEER, PEER_BATCHES = "sentence-transformers", (64, 256, 1024)
PEER_CALLERS, PEER_CALL_TEXTS = 8, 1000
AGREEING_TEXTS = 256


@dataclass(frozen=True)
class Bench:
    """What all measurements of this part share.

    Attributes:
        encoder: the service's engine on the GPU, without its cache.
        bare: the same graph in a session of its own.
        tokenizer: of the model's folder.
        arithmetic: of the graph.
        runner: of the engine's calls.
        pairs: how often everything is repeated.
    """

    encoder: OnnxEncoder
    bare: "BoundSession"
    tokenizer: TextTokenizer
    arithmetic: Arithmetic
    runner: asyncio.Runner
    pairs: int


def measure(setting: Setting) -> dict[str, Any]:
    """Ratios to the bare session at several numbers of callers; `missing` where there is no GPU."""
    if not cuda_usable():
        return {"missing": "no CUDA device"}
    with tempfile.TemporaryDirectory() as scratch:
        folder, problem = _in_half_precision(setting.model, Path(scratch))
        if problem:
            return {"missing": problem}
        size = BRIEF if setting.brief else FULL
        sets = text_sets(setting.texts, size, setting.random)
        with _opened(folder, size) as bench:
            figures: dict[str, Any] = {
                "precision": PRECISION,
                "agreement": _agreement(folder, bench, sets["short"][:AGREEING_TEXTS]),
                "limit": measured_limit(),
                "sets": [
                    {"name": name, **_one_set(setting, bench, name, bench.tokenizer.tokenize(texts), texts)}
                    for name, texts in sets.items()
                ],
            }
            figures["peer"] = _beside_peer(setting, bench, sets)
        return figures


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
        feeds = a_row_each(batch, self._manifest, (len(batch), size))
        binding = self._session.io_binding()
        for name, ids in feeds.items():
            binding.bind_ortvalue_input(name, onnxruntime.OrtValue.ortvalue_from_numpy(ids, "cuda", 0))
        binding.bind_output(self._manifest.graph.output, "cuda")
        return binding


def _in_half_precision(model: Path, scratch: Path) -> tuple[Path, str | None]:
    """The model's folder if it is in fp16, else an export of the same weights; and what went wrong."""
    if read_manifest(model).precision == PRECISION:
        return model, None
    folder = scratch / PRECISION
    return folder, export_as(PRECISION, model, folder)


@contextmanager
def _opened(folder: Path, size: Size) -> Iterator[Bench]:
    manifest = read_manifest(folder)
    encoder = OnnxEncoder.load(folder, cache_texts=0, capacity_texts=size.short)
    try:
        with asyncio.Runner() as runner:
            yield Bench(
                encoder,
                BoundSession(folder, manifest),
                TextTokenizer.load(folder, manifest),
                Arithmetic.of(folder),
                runner,
                size.pairs,
            )
    finally:
        encoder.close()


def _one_set(
    setting: Setting, bench: Bench, name: str, tokens: Sequence[Tokens], texts: Sequence[str]
) -> dict[str, Any]:
    setting.progress(f"{len(texts)} texts, {name}")
    prepared = {budget: bench.bare.prepare(tokens, budget) for budget in BUDGETS}
    for bindings in prepared.values():
        bench.bare.seconds(bindings)  # a shape's first run allocates
    tried = {budget: min(bench.bare.seconds(prepared[budget]) for _ in range(2)) for budget in BUDGETS}
    budget = min(BUDGETS, key=tried.__getitem__)
    lengths = [len(one) for one in tokens]
    rows = []
    for call_texts in CALL_TEXTS:
        for callers in CALLERS:
            repeat = repetition(bench.encoder, bench.runner, texts, callers=callers, call_texts=call_texts)
            repeat()
            before = bench.encoder.stats
            found = in_pairs(lambda: bench.bare.seconds(prepared[budget]), repeat, bench.pairs)
            row = {
                "callers": callers,
                "call_texts": min(call_texts, -(-len(texts) // callers)),
                **found.figures(len(texts), sum(lengths)),
                **shares(before, bench.encoder.stats, sum(found.measured)),
            }
            setting.progress(f"  {callers} callers, calls of {call_texts}: {ratio_cell(row)}")
            rows.append(row)
    return {
        "texts": len(texts),
        "tokens": sum(lengths),
        "longest": max(lengths),
        "budget": budget,
        "tried_tokens_per_second": {str(one): sum(lengths) / seconds for one, seconds in tried.items()},
        "operations": bench.arithmetic.operations(lengths),
        "tokenized_texts_per_second": len(texts) / _seconds(lambda: bench.tokenizer.tokenize(texts)),
        "rows": rows,
    }


def _agreement(folder: Path, bench: Bench, texts: Sequence[str]) -> dict[str, Any]:
    """Whether the GPU gives the vectors that the CPU gives, and the one that the export recorded."""
    on_cpu = OnnxEncoder.load(folder, cache_texts=0, force_cpu=True)
    try:
        one, other = (bench.runner.run(_encoded(encoder, texts)) for encoder in (bench.encoder, on_cpu))
    finally:
        on_cpu.close()
    return {
        "texts": len(texts),
        "lowest_cosine": float((one * other).sum(axis=1).min()),
        "canary": bench.runner.run(bench.encoder.canary()),
    }


async def _encoded(encoder: OnnxEncoder, texts: Sequence[str]) -> Vectors:
    with encoder.admit(len(texts)) as permit:
        return (await encoder.encode(texts, permit)).vectors


def _beside_peer(setting: Setting, bench: Bench, sets: dict[str, list[str]]) -> dict[str, Any]:
    """The engine beside sentence-transformers in fp16 on the same card and weights."""
    if setting.reference is None:
        return {"missing": "no folder of the model was given (--reference)"}
    if find_spec("sentence_transformers") is None:
        return {"missing": f"{PEER} is not installed"}
    encode = _peer(setting.reference)
    rows = []
    for name, texts in sets.items():
        setting.progress(f"{PEER}, {name}")
        tried = {size: _warm_seconds(encode, texts, size) for size in PEER_BATCHES}
        size = min(PEER_BATCHES, key=tried.__getitem__)
        repeat = repetition(bench.encoder, bench.runner, texts, callers=PEER_CALLERS, call_texts=PEER_CALL_TEXTS)
        repeat()
        found = in_pairs(lambda: _seconds(lambda: encode(texts, size)), repeat, bench.pairs)  # noqa: B023 - called at once
        tokens = sum(map(len, bench.tokenizer.tokenize(texts)))
        rows.append({"name": name, "batch_size": size, **found.figures(len(texts), tokens)})
    return {"version": version(PEER), "torch": version("torch"), "rows": rows}


def _peer(folder: Path) -> Callable[[Sequence[str], int], object]:
    """Encodes texts in batches of a size with sentence-transformers in fp16 on the GPU."""
    import torch  # noqa: PLC0415 - not needed, nor there, without a GPU
    from sentence_transformers import SentenceTransformer  # type: ignore[import-not-found]  # noqa: PLC0415

    model = SentenceTransformer(
        str(folder), device="cuda", local_files_only=True, model_kwargs={"torch_dtype": torch.float16}
    )
    return lambda texts, size: model.encode(list(texts), batch_size=size, show_progress_bar=False)


def _warm_seconds(encode: Callable[[Sequence[str], int], object], texts: Sequence[str], size: int) -> float:
    encode(texts, size)
    return _seconds(lambda: encode(texts, size))


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def section(figures: dict[str, Any]) -> list[str]:
    """Tables, or in plain words that there are none."""
    if "missing" in figures:
        return [f"**GPU figures are missing: {figures['missing']}.** Nothing is claimed about GPUs.", ""]
    return [
        (
            "The engine in fp16, tokenization included, beside `run_with_iobinding` alone, whose inputs lie on the GPU "
            "beforehand, padded to fixed buckets of length, in batches of the size that was fastest of those tried. "
            "Ratio: median of the pairs, in brackets the lowest and the highest. No cache."
        ),
        "",
        (
            f"The same vectors as on the CPU: lowest cosine {figures['agreement']['lowest_cosine']:.6f} of "
            f"{figures['agreement']['texts']} texts; the canary of the export is "
            f"{'right' if figures['agreement']['canary'] else '**wrong**'}."
        ),
        "",
        *(line for one in figures["sets"] for line in _set_lines(one, figures["limit"])),
        *_peer_lines(figures["peer"]),
    ]


def _set_lines(one: dict[str, Any], limit: dict[str, Any]) -> list[str]:
    bare = max(row["reference_texts_per_second"] for row in one["rows"])
    return [
        (
            f"{one['texts']:,} texts, {one['name']}: {one['tokens']:,} tokens. Bare session: batches of "
            f"{one['budget']:,} tokens. Tokenizing alone, {one['tokenized_texts_per_second']:,.0f} "
            f"texts/s, is {one['tokenized_texts_per_second'] / bare:.2f} of it: no engine that tokenizes here gets "
            f"further. {_limit_line(one, limit)}"
        ),
        "",
        *speed_table(one["rows"]),
        "",
    ]


def _limit_line(one: dict[str, Any], limit: dict[str, Any]) -> str:
    """What share of the card's arithmetic the bare session and the engine at its best take."""
    if "missing" in limit:
        return f"The card's limit was not measured: {limit['missing']}."
    seconds = one["operations"] / limit["operations_per_second"]
    rows = one["rows"]
    bare, engine = (max(row[name] for row in rows) for name in ("reference_texts_per_second", "texts_per_second"))
    texts = one["texts"]
    return (
        f"The arithmetic, {one['operations'] / texts / 1e9:.2f} Gflop a text, would take the {limit['card']} "
        f"{seconds / texts * 1e9:,.0f} ns a text at the {limit['operations_per_second'] / 1e12:,.0f} Tflop/s that it "
        f"reaches on a product of {limit['side']} x {limit['side']} matrices: the bare session uses "
        f"{bare * seconds / texts:.1%} of that, the engine at its best {engine * seconds / texts:.1%}."
    )


def _peer_lines(peer: dict[str, Any]) -> list[str]:
    if "missing" in peer:
        return [f"{PEER} was not measured: {peer['missing']}.", ""]
    lines = [
        (
            f"The engine ({PEER_CALLERS} callers, {PEER_CALL_TEXTS} texts a call) beside {PEER} {peer['version']} on "
            f"torch {peer['torch']} in fp16, all texts in one call:"
        ),
        "",
        f"| texts | ratio | texts/s | {PEER} texts/s | its batch |",
        "| --- | --- | --- | --- | --- |",
    ]
    for row in peer["rows"]:
        speeds = f"{row['texts_per_second']:,.0f} | {row['reference_texts_per_second']:,.0f}"
        lines.append(f"| {row['name']} | {ratio_cell(row)} | {speeds} | {row['batch_size']} |")
    missed = [f"{row['ratio']:.2f}, {row['name']}" for row in peer["rows"] if row["ratio"] <= 1]
    return [*lines, "", target_line("ahead of it", missed), ""]
