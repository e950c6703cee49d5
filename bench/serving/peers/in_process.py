"""One engine in its own environment, driven line by line; imports nothing of Swerve.

    python -P in_process.py ENGINE MODEL TEXTS.json --threads 2 --batch-sizes 16 32 64 --vectors OUT.npy

ENGINE is sentence-transformers-torch, sentence-transformers-onnx or fastembed; TEXTS.json is a list of strings. It
loads the model and warms it up, tries each batch size (and, of the ONNX engines, each graph) on a quarter of the
texts, keeps the fastest, writes the vectors of all texts, and prints one line of JSON:

    {"engine": ..., "versions": {...}, "setting": {...}, "tried": [...], "texts": 4000}

From then on every line `run` on standard input encodes all texts once and prints `{"seconds": ...}`. The end of the
input ends it. So whoever drives it can take turns between engines, and noise of the machine falls on all alike.

The engine sorts and batches as it does by itself.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
Encode = Callable[[Sequence[str], int], Vectors]
"""Texts and a batch size to (n, dim) vectors."""

GRAPHS = ("onnx/model.onnx", "onnx/model_O3.onnx")
TRIED_SHARE = 4
TRIALS = 2
PACKAGES = (
    "fastembed",
    "numpy",
    "onnxruntime",
    "optimum",
    "optimum-onnx",
    "sentence-transformers",
    "tokenizers",
    "torch",
    "transformers",
)


class Setting(NamedTuple):
    """What an engine can be run with: a graph ("" for torch) and a batch size."""

    graph: str
    batch_size: int


def sentence_transformers_torch(model: Path, threads: int, _graph: str) -> Encode:
    """sentence-transformers on torch, on the CPU."""
    # Imports stand in functions throughout: each engine's packages are in its own environment only.
    import torch  # noqa: PLC0415
    from sentence_transformers import SentenceTransformer  # type: ignore[import-not-found]  # noqa: PLC0415

    torch.set_num_threads(threads)
    return _encode_of(SentenceTransformer(str(model), device="cpu", local_files_only=True))


def sentence_transformers_onnx(model: Path, threads: int, graph: str) -> Encode:
    """sentence-transformers on ONNX Runtime, on the CPU."""
    import onnxruntime  # noqa: PLC0415
    import torch  # noqa: PLC0415
    from sentence_transformers import SentenceTransformer  # noqa: PLC0415

    torch.set_num_threads(threads)  # it pools in torch
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    loaded = SentenceTransformer(
        str(model),
        backend="onnx",
        device="cpu",
        local_files_only=True,
        model_kwargs={"file_name": graph, "provider": "CPUExecutionProvider", "session_options": options},
    )
    return _encode_of(loaded)


def _encode_of(model: Any) -> Encode:  # noqa: ANN401  # a type of the peer's, which is not installed where this is checked
    def encode(texts: Sequence[str], batch_size: int) -> Vectors:
        found = model.encode(list(texts), batch_size=batch_size, convert_to_numpy=True, show_progress_bar=False)
        return np.asarray(found, np.float32)

    return encode


def fastembed(model: Path, threads: int, graph: str) -> Encode:
    """The engine of fastembed on a local folder, pooled and normalised as the model's card says."""
    from fastembed import TextEmbedding  # type: ignore[import-not-found]  # noqa: PLC0415
    from fastembed.common.model_description import (  # type: ignore[import-not-found]  # noqa: PLC0415
        ModelSource,
        PoolingType,
    )

    dim = json.loads((model / "config.json").read_text(encoding="utf-8"))["hidden_size"]
    name = f"local/{graph}"
    TextEmbedding.add_custom_model(
        model=name,
        pooling=PoolingType.MEAN,
        normalization=True,
        sources=ModelSource(hf="local/unused"),  # it wants one, and does not look there
        dim=dim,
        model_file=graph,
    )
    loaded = TextEmbedding(
        name, threads=threads, providers=["CPUExecutionProvider"], specific_model_path=str(model), local_files_only=True
    )

    def encode(texts: Sequence[str], batch_size: int) -> Vectors:
        return np.asarray(list(loaded.embed(list(texts), batch_size=batch_size)), np.float32)

    return encode


ENGINES: dict[str, Callable[[Path, int, str], Encode]] = {
    "sentence-transformers-torch": sentence_transformers_torch,
    "sentence-transformers-onnx": sentence_transformers_onnx,
    "fastembed": fastembed,
}


def choose(
    load: Callable[[str], Encode], graphs: Sequence[str], batch_sizes: Sequence[int], texts: Sequence[str]
) -> tuple[Encode, Setting, list[dict[str, Any]]]:
    """Load each graph, time each batch size, and keep the fastest: the encoder, its setting, and what was tried."""
    some = list(texts[::TRIED_SHARE])
    tried: list[dict[str, Any]] = []
    best: tuple[float, Encode, Setting] | None = None
    for graph in graphs:
        encode = load(graph)
        for size in batch_sizes:
            setting = Setting(graph, size)
            encode(some[: 2 * size], size)
            seconds = min(_seconds(lambda: encode(some, size)) for _ in range(TRIALS))  # noqa: B023  # called at once
            tried.append({**setting._asdict(), "texts_per_second": round(len(some) / seconds, 1)})
            if best is None or seconds < best[0]:
                best = (seconds, encode, setting)
    if best is None:
        raise SystemExit("nothing to try: give at least one batch size")
    return best[1], best[2], tried


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _answers() -> TextIO:
    """Standard output for answers alone: what a peer prints goes to standard error from here on."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return answers


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Encode texts with one engine, again and again.")
    parser.add_argument("engine", choices=sorted(ENGINES))
    parser.add_argument("model", type=Path)
    parser.add_argument("texts", type=Path)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--batch-sizes", type=int, nargs="+", required=True)
    parser.add_argument("--vectors", type=Path, required=True)
    return parser.parse_args()


def main() -> None:
    """Choose a setting, write the vectors, then encode on demand."""
    arguments = _arguments()
    answers = _answers()
    texts = json.loads(arguments.texts.read_text(encoding="utf-8"))
    build = ENGINES[arguments.engine]
    graphs = ("",) if arguments.engine == "sentence-transformers-torch" else GRAPHS
    encode, setting, tried = choose(
        lambda graph: build(arguments.model, arguments.threads, graph), graphs, arguments.batch_sizes, texts
    )
    np.save(arguments.vectors, encode(texts, setting.batch_size))
    ready = {"engine": arguments.engine, "versions": _versions(), "setting": setting._asdict(), "tried": tried}
    print(json.dumps(ready | {"texts": len(texts)}), file=answers, flush=True)
    for line in sys.stdin:
        if line.strip() != "run":
            raise SystemExit(f"expected run, not {line.strip()!r}")
        print(json.dumps({"seconds": _seconds(lambda: encode(texts, setting.batch_size))}), file=answers, flush=True)


if __name__ == "__main__":
    main()
