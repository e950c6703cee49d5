"""Part 1 once more, with an export whose short texts share rows: beside the bare session, and beside a row each."""

import asyncio
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

from bench.serving.bare import open_graph
from bench.serving.encoder import (
    BRIEF,
    FULL,
    Size,
    beside_bare,
    beside_bare_lines,
    count_tokens,
    engine,
    export_as,
    in_parts,
    repetition,
    text_sets,
)
from bench.serving.pairs import in_turns, ratio_cell
from bench.serving.setting import Setting
from service.encoder import OnnxEncoder, read_manifest
from service.encoder.session import OnnxGraph, session_options
from service.encoder.tokenization import TextTokenizer

TITLE = "Encoder: texts that share rows"
CALLS = ((1, 1), (1, 4), (1, 8), (1, 20), (1, 64), (8, 8))
"""Callers and texts a call, with which shared rows are compared with a row for each text."""
TEXTS, PARTS = 320, 4


def measure(setting: Setting) -> dict[str, Any]:
    """Ratios to the bare session, and of shared rows to a row each."""
    size = BRIEF if setting.brief else FULL
    sets = text_sets(setting.texts, size, setting.random)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "shared"
        problem = export_as("fp32", setting.model, folder, rows="shared")
        if problem:
            return {"missing": problem}
        figures = beside_bare(setting, folder, sets, size)
        setting.progress("shared rows beside a row each")
        return {**figures, "beside_a_row_each": _beside_a_row_each(folder, sets, size)}


def _beside_a_row_each(model: Path, sets: dict[str, list[str]], size: Size) -> list[dict[str, Any]]:
    """The speed of shared rows in units of the same graph with a row for each text, padded."""
    manifest = read_manifest(model)
    graph = OnnxGraph(open_graph(model, session_options()), manifest, share_rows=False)
    tokenizer = TextTokenizer.load(model, manifest)
    padded = OnnxEncoder(manifest, tokenizer, graph, cache_texts=0, capacity_texts=size.short)
    rows = []
    with closing(padded), engine(model, size.short) as shared, asyncio.Runner() as runner:
        repetition(padded, runner, sets["short"][:TEXTS], callers=1, call_texts=TEXTS)()
        for name, texts in sets.items():
            some = texts[:TEXTS]
            for callers, call_texts in CALLS:
                one, other = (
                    [
                        repetition(encoder, runner, part, callers=callers, call_texts=call_texts)
                        for part in in_parts(some, PARTS)
                    ]
                    for encoder in (padded, shared)
                )
                found = in_turns(one, other, size.pairs)
                figures = found.figures(len(some), count_tokens(model, some))
                rows.append({"name": name, "callers": callers, "call_texts": call_texts, **figures})
    return rows


def section(figures: dict[str, Any]) -> list[str]:
    """The tables of part 1, and one beside a row each."""
    if "missing" in figures:
        return [f"Shared rows were not measured: {figures['missing']}.", ""]
    lines = [
        "With an export by `--rows shared`, on which the bare session may let texts share rows as well.",
        "",
        *beside_bare_lines(figures),
        "The engine with texts that share rows beside itself with a row for each text, padded, on the same graph:",
        "",
        "| texts | callers | texts a call | shared : a row each | texts/s | a row each, texts/s |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for row in figures["beside_a_row_each"]:
        cells = [row["name"], str(row["callers"]), str(row["call_texts"]), ratio_cell(row)]
        speeds = [f"{row[name]:,.0f}" for name in ("texts_per_second", "reference_texts_per_second")]
        lines.append("| " + " | ".join([*cells, *speeds]) + " |")
    return [*lines, ""]
