"""`python -m bench.recommend.sequential`: train the sequential model on each set, and rank what the held-out users did.

    python -m bench.recommend.sequential --data DATA --python FOLDER/bin/python --work WORK

DATA is the folder of `bench.detection`, FOLDER is what `install` made, WORK keeps arrays and trained models. Needs the
extra `bench`. About ten minutes of one core for each set.

The model has learnt from the fit users alone; it sees a held-out user's behaviours before the target, and nothing else.
"""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bench.recommend.sequential import process
from bench.recommend.sequential.ranking import share_known
from bench.recommend.sequential.results import write_result, write_untrained
from bench.recommend.sequential.sets import SETS
from bench.recommend.sets import SEED
from bench.serving.machine import machine

FEWEST_KNOWN = 0.01
"""Share of targets whose item a fit user had, below which nothing is trained: the hit rate could not exceed it."""


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
        asked = SETS[name](data)
        job = asked.work()
        console.print(f"{name}: {len(job.fit)} users to fit, {len(job.held)} held out, {len(job.targets)} targets")
        about = {"set": name, "machine": machine(), "items": asked.items, "fit_users": len(job.fit)}
        path = out / f"sequential-{name}.json"
        if (share := share_known(job)) < FEWEST_KNOWN:
            write_untrained(path, share, **about)
            continue
        try:
            # The interpreter's path is not resolved: a link out of an environment would lead out of it.
            model = process.train(python.absolute(), job, (work / name).absolute(), seconds=seconds, seed=SEED)
            answer = process.rank(python.absolute(), job, model)
        except process.ProcessError as error:
            console.print(str(error), markup=False)
            raise typer.Exit(1) from error
        write_result(job, [stream.user for stream in asked.held], answer, path, **about)


if __name__ == "__main__":
    typer.run(main)
