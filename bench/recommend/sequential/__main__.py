"""`python -m bench.recommend.sequential`: train the sequential model on each set, and rank what the held-out users did.

    python -m bench.recommend.sequential --data DATA --python FOLDER/bin/python --work WORK

DATA is the folder of `bench.detection`, FOLDER is what `install` made, WORK keeps arrays and trained models. Needs the
extra `bench`. About ten minutes of one core for each set.

Users are divided as for the detectors. A target is each behaviour of a held-out user that is the first with its item,
but the user's very first; where changes are planted, of the users with a change. The model has learnt from the fit
users alone; it sees a held-out user's behaviours before the target, and nothing else.
"""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console

from bench.detection.sources import SOURCES, Source
from bench.recommend.sequential import process
from bench.recommend.sequential.exchange import Work
from bench.recommend.sequential.ranking import first_targets
from bench.recommend.sequential.results import write_result
from bench.serving.machine import machine
from service.evaluation.streams import Stream

SETS = ("movietweetings", "completejourney", "topics")
SEED = 20


def main(  # noqa: PLR0917  # typer passes them by name
    data: Annotated[Path, typer.Option(help="Folder of the sources.")],
    python: Annotated[Path, typer.Option(help="Python of the model's environment.")],
    work: Annotated[
        Path, typer.Option(help="Folder for arrays and models; a model that is there is not trained anew.")
    ],
    only: Annotated[list[str] | None, typer.Option(help="Only these sets.")] = None,
    seconds: Annotated[float, typer.Option(help="Of the processor, for the training of each set, about.")] = 600.0,
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("bench/results/recommend"),
) -> None:
    """Train, rank and write, set by set."""
    console = Console(stderr=True)
    for name in only or SETS:
        source = SOURCES[name](data, SEED)
        held = held_out(source)
        asked = work_of(source.fit, held)
        console.print(
            f"{name}: {len(asked.fit)} users to fit, {len(asked.held)} held out, {len(asked.targets)} targets"
        )
        try:
            model = process.train(python.absolute(), asked, (work / name).absolute(), seconds=seconds, seed=SEED)
            answer = process.rank(python.absolute(), asked, model)
        except process.ProcessError as error:
            console.print(str(error), markup=False)
            raise typer.Exit(1) from error
        about = {"set": name, "machine": machine(), "items": len(source.texts)}
        users = [stream.user for stream in held]
        write_result(asked, users, answer, out / f"sequential-{name}.json", **about)


def held_out(source: Source) -> list[Stream]:
    """Users with planted changes where there are any, or else the test users."""
    return [stream for streams in source.planted.values() for stream in streams] or source.test


def work_of(fit: list[Stream], held: list[Stream]) -> Work:
    """What the model is trained on and asked."""
    histories = [np.asarray(stream.items, np.int64) for stream in held]
    return Work([np.asarray(stream.items, np.int64) for stream in fit], histories, first_targets(histories))


if __name__ == "__main__":
    typer.run(main)
