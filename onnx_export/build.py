"""The export's steps: fetch, load, export, fuse, add the head, reduce precision, verify, write the manifest."""

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import transformers

from onnx_export import graph, packing, parity
from onnx_export.layout import Layout, read_layout
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
from onnx_export.precision import halve, quantise
from onnx_export.reference import Reference, load_reference
from onnx_export.sources import FetchedModel, fetch
from onnx_export.target import Staging
from onnx_export.texts import CANARY, SUITE
from onnx_export.tokenizer import save_tokenizer

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Options:
    """What the caller asked for; None leaves it to the model's own configuration."""

    precision: str
    rows: str
    pooling: str | None
    max_tokens: int | None
    prefix: str | None


@dataclass(frozen=True, slots=True)
class _Job:
    """One export under way: the loaded model and where its parts go."""

    model: FetchedModel
    layout: Layout
    reference: Reference
    precision: str
    rows: str
    folder: Path
    scratch: Path
    report: Report


def build(source: str, options: Options, *, staging: Staging, tools: dict[str, str], report: Report) -> Manifest:
    """Make the exported model in the staging folder.

    Args:
        source: a folder, a hub id, or `pypi:NAME==VERSION`.
        options: what the caller asked for.
        staging: where to build.
        tools: versions of the libraries, for the manifest.
        report: told the name of each step as it begins.

    Raises:
        ExportError: by name.
    """
    with _quiet_libraries():
        report("fetching the model")
        model = fetch(source, staging.scratch)
        layout = read_layout(model.folder)
        report("loading the reference")
        reference = load_reference(
            layout, pooling=options.pooling, max_tokens=options.max_tokens, prefix=options.prefix
        )
        return _build(
            _Job(model, layout, reference, options.precision, options.rows, staging.model, staging.scratch, report),
            tools,
        )


def _build(job: _Job, tools: dict[str, str]) -> Manifest:
    graph.export_config(job.reference.config)  # refuses what it does not know before the long work
    save_tokenizer(job.reference, job.folder / TOKENIZER)
    job.report("encoding the text suite with the reference")
    expected = job.reference.encode(SUITE)
    interface = _write_graph(job, expected.shape[1])
    job.report("verifying against the reference")
    figures, canary = _verify(job, interface, expected)
    manifest = _manifest(job, interface, figures, canary, tools=tools)
    (job.folder / MANIFEST).write_text(manifest.to_json(), encoding="utf-8")
    return manifest


def _write_graph(job: _Job, dim: int) -> Graph:
    config = job.reference.config
    job.report("exporting to ONNX")
    raw = job.scratch / "raw.onnx"
    graph.export_graph(job.reference.model, config, raw)
    job.report("fusing")
    fused, counts = graph.fuse(raw, config, split_attention=job.precision == "int8")
    if job.precision == "fp16":
        job.report("converting to fp16")
        halve(fused)
    if job.precision == "int8":
        job.report("quantising to int8")
        quantise(fused.model)
    shared = job.rows == "shared"
    if shared:
        packing.pack(fused.model, config, job.reference.pooling, dim, precision=job.precision)
    else:
        graph.add_head(fused.model, job.reference.pooling, dim)
    graph.save(fused.model, job.folder / GRAPH)
    return Graph(
        inputs=packing.INPUTS if shared else graph.INPUTS, output=graph.OUTPUT, opset=graph.OPSET, fused=counts
    )


def _verify(job: _Job, interface: Graph, expected: parity.Floats) -> tuple[Parity, Canary]:
    session = parity.open_session(job.folder / GRAPH)
    graph.check_interface(session, interface.inputs, expected.shape[1])
    runner = parity.GraphRunner(session, interface.inputs, job.folder / TOKENIZER, job.reference)
    ids = runner.token_ids(SUITE)
    parity.check_tokens(SUITE, ids, job.reference)
    figures = parity.compare(runner, ids, expected)
    parity.check(figures, parity.GATES[job.precision])
    vector = runner.run(runner.token_ids([CANARY]))[0]
    return figures, Canary(text=CANARY, vector=tuple(float(x) for x in vector))


def _manifest(job: _Job, interface: Graph, figures: Parity, canary: Canary, *, tools: dict[str, str]) -> Manifest:
    files = {path.name: file_sha256(path) for path in sorted(job.folder.iterdir())}
    reference, weights = job.reference, job.layout.weights_sha256
    pooling, max_tokens, prefix, dim = reference.pooling, reference.max_tokens, reference.prefix, len(canary.vector)
    return Manifest(
        format=FORMAT,
        id=job.model.id,
        digest=model_digest(
            files=files,
            dim=dim,
            pooling=pooling,
            max_tokens=max_tokens,
            prefix=prefix,
            inputs=interface.inputs,
            output=interface.output,
        ),
        space=space_digest(
            weights=weights, tokenizer=files[TOKENIZER], pooling=pooling, prefix=prefix, max_tokens=max_tokens
        ),
        source=Source(kind=job.model.kind, reference=job.model.reference, weights_sha256=weights),
        architecture=reference.config.model_type,
        dim=dim,
        pooling=pooling,
        max_tokens=max_tokens,
        prefix=prefix,
        precision=job.precision,
        pad_token_id=reference.pad_token_id,
        pad_side="right",
        files=files,
        graph=interface,
        parity=figures,
        canary=canary,
        tools=tools,
    )


@contextmanager
def _quiet_libraries() -> Iterator[None]:
    """Silence what the libraries log of their own workings; what matters of it is checked by the gate."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    loggers = [logging.getLogger(name) for name in ("transformers", "optimum", "onnxruntime", "torch.onnx")]
    levels = [logger.level for logger in loggers]
    bars = transformers.logging.is_progress_bar_enabled()
    transformers.logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # untyped library
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        if bars:
            transformers.logging.enable_progress_bar()  # type: ignore[no-untyped-call]  # untyped library
