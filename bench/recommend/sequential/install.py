"""`python -m bench.recommend.sequential.install --to FOLDER`: the environment that `train` runs in.

About 2 GB on disk and some minutes. What is there already and unchanged is left alone.
"""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bench.serving.peers.install import InstallError, make_environment

REQUIREMENTS = Path(__file__).with_name("requirements.txt")


def main(to: Annotated[Path, typer.Option(help="Folder for the environment.")]) -> None:
    """Make the environment."""
    console = Console(stderr=True)
    try:
        make_environment(to.resolve(), REQUIREMENTS)
    except InstallError as error:
        console.print(str(error), markup=False)
        raise typer.Exit(1) from error
    console.print(f"python: {to.resolve() / 'bin' / 'python'}", markup=False)


if __name__ == "__main__":
    typer.run(main)
