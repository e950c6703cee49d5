"""`python -m bench.populations`: false shifts a day, and how soon planted ones are found, on simulated domains.

Needs nothing but the service's own packages. Three minutes on two cores.
"""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.progress import track

from bench.populations.simulate import World, false_shifts, hours_to_find
from service.files import write_whole
from service.populations.shifts import FALSE_SHIFTS_PER_DAY

SEED = 20
WORLDS = {
    "few users": World(topics=50, rate=3.0),
    "many users": World(topics=50, rate=100.0),
    "very many users": World(topics=50, rate=1000.0, correlation=0.001),
    "shares that vary much": World(topics=50, rate=100.0, correlation=0.03),
    "shares that drift": World(topics=50, rate=100.0, drift=0.2),
}
FOLLOWERS = (5, 10, 20, 40, 80)

app = typer.Typer(add_completion=False)


@app.command()
def main(
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("bench/results/populations"),
    days: Annotated[int, typer.Option(min=1, help="Without news, in each of the domains.")] = 14,
    domains: Annotated[int, typer.Option(min=1, help="Of each kind, and as many news of each size.")] = 10,
    *,
    brief: Annotated[bool, typer.Option("--brief", help="Show that everything works; measures nothing.")] = False,
) -> None:
    """Simulate, look, count."""
    days, domains = (1, 1) if brief else (days, domains)
    calm = [_calm(name, world, days, domains) for name, world in track(WORLDS.items(), "without news")]
    planted = [
        _planted(name, replace(WORLDS[name], topics=50), followers, domains)
        for name in track(("few users", "many users", "very many users"), "with news")
        for followers in FOLLOWERS
    ]
    figures = {"seed": SEED, "days": days, "domains": domains, "calm": calm, "planted": planted}
    out.mkdir(parents=True, exist_ok=True)
    write_whole(out / "populations.json", json.dumps(figures, indent=1) + "\n")
    write_whole(out / "README.md", page(figures))


def _calm(name: str, world: World, days: int, domains: int) -> dict[str, Any]:
    told = sum(false_shifts(world, days, SEED + n) for n in range(domains))
    return {"name": name, "world": asdict(world), "domain_days": days * domains, "false": told}


def _planted(name: str, world: World, followers: int, domains: int) -> dict[str, Any]:
    hours = [hours_to_find(world, followers, SEED + 1000 + n) for n in range(domains)]
    found = [hour for hour in hours if hour is not None]
    return {
        "name": name,
        "rate": world.rate,
        "followers": followers,
        "found": len(found),
        "of": domains,
        "median_hours": float(np.median(found)) if found else None,
    }


def page(figures: dict[str, Any]) -> str:
    """The results as a page."""
    calm = "\n".join(
        f"| {row['name']} | {row['world']['rate']:g} | {row['world']['correlation']:g} | {row['world']['drift']:g} "
        f"| {row['domain_days']} | {row['false']} |"
        for row in figures["calm"]
    )
    planted = "\n".join(
        f"| {row['name']} | {row['rate']:g} | {row['followers']} | {row['found']} of {row['of']} "
        f"| {'' if row['median_hours'] is None else format(row['median_hours'], 'g')} |"
        for row in figures["planted"]
    )
    return f"""# Shifts of populations, simulated

`python -m bench.populations` (seed {figures["seed"]}). Domains of 50 topics, of which a change gains three on average;
users change by an hour's random factor and a day's rhythm. Looked at after each hour, with the threshold of a look
every 20 seconds. What is meant: [populations](../../../docs/populations.md).

Without news. Promised: {FALSE_SHIFTS_PER_DAY:g} a day at most, where shares vary as they did before. Drift is beyond
that model: each topic's share wanders by that standard deviation of its logarithm, over two days.

| domains | changes an hour | correlation | drift | domain-days | false shifts |
| --- | --- | --- | --- | --- | --- |
{calm}

With news that lasts six hours and makes so many users an hour turn to a topic of middling share:

| domains | changes an hour | followers an hour | found | hours, median |
| --- | --- | --- | --- | --- |
{planted}
"""


if __name__ == "__main__":
    app()
