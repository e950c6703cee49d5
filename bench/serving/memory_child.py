"""`python -m bench.serving.memory_child`: an encoder under random lengths, alone in a process.

Prints a line of JSON every few seconds: seconds since the start, resident bytes, texts encoded, texts in the cache.
"""

import asyncio
import json
import time
from pathlib import Path
from typing import Annotated

import numpy as np
import onnxruntime
import psutil  # type: ignore[import-untyped]  # ships no types
import typer

from bench.serving.bare import open_graph
from service.encoder import OnnxEncoder, read_manifest
from service.encoder.session import OnnxGraph, session_options
from service.encoder.tokenization import TextTokenizer

CALLERS, CALL_TEXTS = 4, 16
CACHE_TEXTS = 500  # full within the first minute, so that its growth is not taken for a leak
CAPACITY_TEXTS = 4096


def default_options() -> onnxruntime.SessionOptions:
    """ONNX Runtime's own: arena and memory pattern on; as many threads as the service takes, for a fair speed."""
    options = onnxruntime.SessionOptions()
    ours = session_options()
    options.intra_op_num_threads, options.inter_op_num_threads = ours.intra_op_num_threads, ours.inter_op_num_threads
    return options


def frugal_options() -> onnxruntime.SessionOptions:
    """Those that were recommended against memory that creeps (fastembed issue 570): arena and memory pattern off."""
    options = session_options()
    options.enable_cpu_mem_arena = False
    return options


OPTIONS = {"ours": session_options, "frugal": frugal_options, "default": default_options}


def main(  # noqa: PLR0917 - typer passes them by name
    model: Annotated[Path, typer.Option()],
    words: Annotated[Path, typer.Option(help="JSON list of words to make texts of.")],
    options: Annotated[str, typer.Option(help="ours, frugal or default.")],
    seconds: Annotated[float, typer.Option()],
    every: Annotated[float, typer.Option()],
    seed: Annotated[int, typer.Option()],
) -> None:
    """Encode texts of random length for so long."""
    manifest = read_manifest(model)
    graph = OnnxGraph(open_graph(model, OPTIONS[options]()), manifest)
    encoder = OnnxEncoder(
        manifest,
        TextTokenizer.load(model, manifest),
        graph,
        capacity_texts=CAPACITY_TEXTS,
        cache_texts=CACHE_TEXTS,
    )
    supply = json.loads(words.read_text(encoding="utf-8"))
    try:
        asyncio.run(_load(encoder, supply, seconds, every, np.random.default_rng(seed)))
    finally:
        encoder.close()


async def _load(
    encoder: OnnxEncoder, words: list[str], seconds: float, every: float, random: np.random.Generator
) -> None:
    began = time.monotonic()
    longest = encoder.info.max_tokens

    async def call() -> None:
        while time.monotonic() - began < seconds:
            texts = [
                " ".join(words[word] for word in random.integers(len(words), size=length))
                for length in random.integers(1, longest, size=random.integers(1, CALL_TEXTS + 1))
            ]
            with encoder.admit(len(texts)) as permit:
                await encoder.encode(texts, permit)

    async def watch() -> None:
        process = psutil.Process()
        while (past := time.monotonic() - began) < seconds:
            stats = encoder.stats
            line = {
                "seconds": past,
                "rss": process.memory_info().rss,
                "texts": stats.texts_encoded,
                "cached": stats.cached,
            }
            print(json.dumps(line), flush=True)
            await asyncio.sleep(every)

    await asyncio.gather(watch(), *(call() for _ in range(CALLERS)))


if __name__ == "__main__":
    typer.run(main)
