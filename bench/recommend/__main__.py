"""`python -m bench.recommend`: what would have been recommended to people, beside what they then did.

    python -m bench.recommend --data DATA

DATA is the folder of `bench.detection`. Needs the extras `calibrate` and `bench`. A quarter of an hour on one core.
Results of `bench.recommend.sequential` and `bench.detection` that lie in their folders are taken in.
"""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from bench.recommend.figures import figures, of_returning
from bench.recommend.inputs import read
from bench.recommend.page import write_page
from bench.recommend.sets import SHUFFLED
from bench.recommend.tune import tune
from bench.recommend.worlds import MOST_BEHAVIORS, held_out, returning, to_choose_on
from bench.serving.machine import machine
from service.files import write_whole

CHOSEN_ON = ("topics", "movietweetings", "completejourney")
SETS = (*CHOSEN_ON, f"completejourney{SHUFFLED}")
MOST_PEOPLE = {"topics": 400}
"""Held-out people who are asked about; of the other sets, all."""
TUNING, RETURNING = "tuning", "returning"


def main(
    data: Annotated[Path, typer.Option(help="Folder of the sources.")],
    only: Annotated[list[str] | None, typer.Option("--set", help="Only these sets.")] = None,
    model: Annotated[Path, typer.Option(help="The exported default model.")] = Path("models/default"),
    kept: Annotated[Path, typer.Option(help="Folder to keep vectors and profiles in.")] = Path("data/recommend"),
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("bench/results/recommend"),
    *,
    choose: Annotated[bool, typer.Option("--tune", help="Compare constants on the fit users instead.")] = False,
    drawn: Annotated[bool, typer.Option("--page", help="Only write the page anew.")] = False,
) -> None:
    """Ask, measure and write, set by set."""
    console = Console(stderr=True)
    out.mkdir(parents=True, exist_ok=True)
    kept.mkdir(parents=True, exist_ok=True)
    names = [] if drawn else only or (CHOSEN_ON if choose else SETS)
    about = machine()
    read_in = {name: read(name, data, model, kept) for name in names}
    if choose:
        worlds = {name: to_choose_on(some, profile, data) for name, (some, profile) in read_in.items()}
        _write(out, TUNING, {"machine": about, **tune(worlds, console.print)})
    for name in () if choose else names:
        some, profile = read_in[name]
        console.print(name)
        world = held_out(some, profile)
        told = figures(world.some(MOST_PEOPLE.get(name)), out / f"sequential-{name}.json", console.print)
        _write(out, name, {"set": name, "machine": about, "most_behaviors": MOST_BEHAVIORS,
                           "held_out": len(world.people), "fit": len(some.fit), **told})  # fmt: skip
        if some.planted:
            back = of_returning(returning(some, profile, data), console.print)
            _write(out, RETURNING, {"set": RETURNING, "machine": about, **back})
    write_page(out)


def _write(folder: Path, name: str, told: dict[str, Any]) -> None:
    write_whole(folder / f"{name}.json", json.dumps(told, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    typer.run(main)
