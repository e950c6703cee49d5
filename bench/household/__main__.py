"""`python -m bench.household`: replays one household's year and draws its interest.

The default household is the one of 100 drawn at random (numpy's generator, seed 0) whose strongest declared change had
the highest log-odds. It is no typical one: with the shipped profile, 13 of the hundred had any change, and
many a change is a burst (photo processing, fuel, Christmas) rather than a lasting one.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import track
from swerve_client import Client

from bench.household.data import DataError, household, tables
from bench.household.picture import draw, save, told_topics
from bench.household.replay import Declared, ServiceError, declared, history, replay, service

DEFAULT_HOUSEHOLD = 979


def main(
    out: Annotated[Path, typer.Option(help="The picture to write.")] = Path("demo.png"),
    number: Annotated[int, typer.Option("--household", help="Which household.")] = DEFAULT_HOUSEHOLD,
    url: Annotated[str | None, typer.Option(help="A running service; without one, one is started.")] = None,
    most: Annotated[int | None, typer.Option("--baskets", min=1, help="Only the first so many baskets.")] = None,
) -> None:
    """Replay one household's year through the service and draw its interest over time."""
    try:
        baskets = household(number, *tables())[:most]
        with service(url) as address, Client(base_url=address) as client:
            user = f"household-{number}"
            posted = track(replay(client, user, baskets), total=len(baskets), description=f"household {number}")
            changes = declared(list(posted), baskets)
            snapshots = history(client, user)
    except (DataError, ServiceError) as error:
        print(error, file=sys.stderr)
        raise typer.Exit(1) from None
    products = sum(len(basket.lines) for basket in baskets)
    title = f"Household {number}: {products} products in {len(baskets)} baskets, {len(changes)} changes of interest"
    save(draw(title, snapshots, changes, baskets), out)
    for change in changes:
        print(describe(change))
    print(f"{title}. Picture: {out}")


def describe(change: Declared) -> str:
    """A change in a few lines of text."""
    answer = change.answer
    gained = "; ".join(topic.label for topic in told_topics(answer.topics, "gained"))
    lost = "; ".join(topic.label for topic in told_topics(answer.topics, "lost"))
    began, odds = answer.change.changed_at, answer.change.log_odds
    carriers = ", ".join(change.carriers)
    return f"{began:%d %B %Y}, log-odds {odds:.1f}\n  gained: {gained}\n  lost: {lost}\n  carried by: {carriers}"


if __name__ == "__main__":
    typer.run(main)
