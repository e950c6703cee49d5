"""`python -m bench.serving`: how fast Swerve serves, beside the limit of the machine and beside its peers.

    python -m bench.serving --texts TEXTS.csv --peers PEERS

TEXTS.csv has a column `text`; PEERS is the folder that `python -m bench.serving.peers.install` made. Needs the extras
`calibrate`, `dev` and `export`. Close everything else on the machine first.
"""

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console

from bench.serving.machine import machine
from bench.serving.page import write_page
from bench.serving.parts import PARTS, part_of
from bench.serving.setting import Setting

SEED = 20


def main(  # noqa: PLR0917 - typer passes them by name
    texts: Annotated[Path, typer.Option(help="CSV file with a column `text`.", exists=True, dir_okay=False)],
    peers: Annotated[
        Path | None, typer.Option(help="Folder of the installed peers; without it they are left out.")
    ] = None,
    reference: Annotated[
        Path | None, typer.Option(help="The model as sentence-transformers keeps it, its peer on a GPU.")
    ] = None,
    only: Annotated[list[str] | None, typer.Option(help=f"Only these parts, of {', '.join(PARTS)}.")] = None,
    brief: Annotated[bool, typer.Option("--brief", help="Show that everything works; measures nothing.")] = False,
    model: Annotated[Path, typer.Option(help="The exported model.")] = Path("models/default"),
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("bench/results/serving"),
) -> None:
    """Measure each part, and write its figures and a page of them all."""
    console = Console(stderr=True)
    unknown = sorted(set(only or ()) - set(PARTS))
    if unknown:
        raise typer.BadParameter(f"no part is named {', '.join(unknown)}; there are {', '.join(PARTS)}")
    out.mkdir(parents=True, exist_ok=True)
    setting = Setting(
        texts=read_texts(texts, SEED),
        model=model,
        peers=peers,
        reference=reference,
        brief=brief,
        seed=SEED,
        progress=lambda what: console.print(f"  {what}", markup=False, highlight=False),
    )
    for name in PARTS:
        if only and name not in only:
            continue
        part = part_of(name)
        if part is None:
            console.print(f"{name}: left out, it is not there")
            continue
        console.print(part.TITLE)
        result = {
            "part": name,
            "machine": machine(),  # before the part: its load average tells what else is running
            "brief": brief,
            "texts": {"file": texts.name, "distinct": len(setting.texts)},
            "model": model.name,
            "seed": SEED,
            "figures": part.measure(setting),
        }
        _write(out / f"{name}.json", result)
        write_page(out)


def read_texts(path: Path, seed: int) -> Sequence[str]:
    """Distinct texts of the file's column `text` in random order, the empty ones left out."""
    with path.open(encoding="utf-8", newline="") as file:
        found = list(dict.fromkeys(row["text"] for row in csv.DictReader(file) if row["text"].strip()))
    return [found[position] for position in np.random.default_rng(seed).permutation(len(found))]


def _write(path: Path, result: dict[str, Any]) -> None:
    path.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
