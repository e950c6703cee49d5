"""`python -m bench.faults`: the service and its Postgres killed again and again under load, and what that costs.

Needs the extras `dev`, `bench` and `calibrate`. Close everything else on the machine first.
"""

import asyncio
import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bench.faults.measure import measure
from bench.faults.page import write_page
from bench.serving.machine import machine


def main(
    minutes: Annotated[float, typer.Option(min=0.2, help="How long the load and the faults go on.")] = 5.0,
    model: Annotated[Path, typer.Option(help="The exported model.")] = Path("models/default"),
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("bench/results/faults"),
) -> None:
    """Run load and faults, count what was lost or doubled, and write the figures, a page and a plot.

    Exits with 1 if anything was.
    """
    console = Console(stderr=True)
    where = machine()  # before the load: its load average tells what else is running
    figures = asyncio.run(
        measure(model, minutes, lambda what: console.print(f"  {what}", markup=False, highlight=False))
    )
    result = {"machine": where, "minutes": minutes, "model": model.name, "figures": figures}
    out.mkdir(parents=True, exist_ok=True)
    (out / "faults.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    write_page(result, out)
    typer.echo((out / "README.md").read_text(encoding="utf-8"))
    reckoning = figures["reckoning"]
    if reckoning["lost"] or reckoning["doubled"]:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
