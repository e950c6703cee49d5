"""`python -m bench.recommend.serving TITLES`: how long recommendations take with a million items, over HTTP.

On the catalogue that `python -m bench.recommend.index` has filled: run that first. Users are made of real titles of two
topics each, with a change from one to the other, that other users had to do with, too; what they did is sent to the
running service, and recommendations are asked for one after another, and by several clients at once.
"""

import asyncio
import json
import statistics
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import httpx
import numpy as np
import typer

from bench.household.serving import running
from bench.recommend.fill import DOMAIN
from bench.recommend.others import HAD, PEOPLE, liked, move_in
from bench.recommend.titles import Titles, load
from bench.serving.machine import machine
from service.database import migrate
from service.database.embedded import EmbeddedPostgres
from service.database.engine import make_engine

BEHAVIORS = 128
CHANGE = 80
SEED = 31
CLIENTS = 8
LIMIT_MS = 15.0
"""The target for the median."""
ASKED: dict[str, dict[str, Any]] = {
    "20 items": {"k": 20},
    "20 items, explained": {"k": 20, "explain": True},
    "100 items": {"k": 100},
}


def main(
    titles: Annotated[Path, typer.Argument(help="CSV file of real titles, with the columns topic and text.")],
    data: Annotated[Path, typer.Option(help="Folder that bench.recommend.index has filled.")] = Path("data/catalogue"),
    model: Annotated[Path, typer.Option(help="The exported model.")] = Path("models/default"),
    users: Annotated[int, typer.Option(min=2, help="Users with histories.")] = 200,
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("bench/results/recommend/serving"),
) -> None:
    """Ask for recommendations and write how long they took."""
    where, told = machine(), load(titles, model, data.parent)
    server = EmbeddedPostgres(data)
    try:
        others = asyncio.run(_others(server.start(), told))
        with running(model, {"SWERVE_DATA_DIR": str(data.resolve())}) as service:  # with the Postgres that is in there
            figures = {"others": others, **_measure(service.url, told, users)}
    finally:
        server.stop()
    out.mkdir(parents=True, exist_ok=True)
    (out / "result.json").write_text(json.dumps({"machine": where, **figures}, indent=1) + "\n", encoding="utf-8")
    (out / "README.md").write_text("\n".join(page(where, figures)) + "\n", encoding="utf-8")
    typer.echo((out / "README.md").read_text("utf-8"))


async def _others(url: str, titles: Titles) -> dict[str, float]:
    engine = make_engine(url, pool_size=1)
    await migrate.upgrade(engine)
    await engine.dispose()
    return await move_in(url, titles)


def _measure(url: str, titles: Titles, users: int) -> dict[str, Any]:
    with httpx.Client(base_url=url, timeout=60) as client:
        progress = client.get("/items/progress", params={"domain": DOMAIN}).raise_for_status().json()
        for number in range(users):
            client.delete(f"/users/user-{number}", params={"domain": DOMAIN})  # of an earlier run
            client.post("/detect", json=history(titles, number)).raise_for_status()
        names = [f"user-{number}" for number in range(users)]
        for name in names:  # everything is read once before it counts
            ask(client, name, {"k": 20})
        taken = {what: summary([ask(client, name, how) for name in names]) for what, how in ASKED.items()}
        new = summary([ask(client, f"nobody-{number}", {"k": 20}) for number in range(users)])
    return {
        "items": progress["items"],
        "users": users,
        "behaviors": BEHAVIORS,
        "one_by_one": taken | {"20 items, of a new user": new},
        "clients": CLIENTS,
        "together": together(url, names),
    }


def history(titles: Titles, number: int) -> dict[str, Any]:
    """One user's behaviours: titles of one topic, then of another, that others know, as vectors."""
    generator = np.random.default_rng((SEED, number))
    first, second = generator.choice(len(titles.names), 2, replace=False)
    start = datetime.now(UTC)  # after what is erased
    rows = [*generator.permutation(liked(titles, first))[:CHANGE], *generator.permutation(liked(titles, second))]
    behaviors = []
    for n, row in enumerate(rows[:BEHAVIORS]):
        behaviors.append(
            {
                "event_id": f"e{n}",
                "occurred_at": (start + timedelta(minutes=2 * n + 1)).isoformat(),
                "embedding": titles.vectors[row].tolist(),
                "item_id": f"item-{row}",
            }
        )
    return {"user_id": f"user-{number}", "domain": DOMAIN, "behaviors": behaviors, "options": {"include": []}}


def ask(client: httpx.Client, user: str, how: dict[str, Any]) -> tuple[float, float]:
    """Seconds that an answer took, and those of the database in it."""
    began = time.perf_counter()
    response = client.get(f"/users/{user}/recommendations", params={"domain": DOMAIN, **how}).raise_for_status()
    taken = time.perf_counter() - began
    if len(response.json()["items"]) != how["k"]:
        raise ValueError(f"{len(response.json()['items'])} items for {user}, {how['k']} were asked for")
    parts = dict(part.strip().split(";dur=") for part in response.headers["server-timing"].split(","))
    return taken, float(parts["database"]) / 1000


def summary(taken: Iterable[tuple[float, float]]) -> dict[str, float]:
    """Quantiles in milliseconds."""
    seconds, database = zip(*taken, strict=True)
    return {
        "p50_ms": quantile(seconds, 0.5),
        "p95_ms": quantile(seconds, 0.95),
        "database_p50_ms": quantile(database, 0.5),
    }


def quantile(seconds: Iterable[float], share: float) -> float:
    """In milliseconds."""
    return round(float(np.quantile(list(seconds), share)) * 1000, 2)


def together(url: str, names: list[str]) -> dict[str, float]:
    """Several clients at once, each asking for every user."""

    def one(_: int) -> list[float]:
        with httpx.Client(base_url=url, timeout=60) as client:
            return [ask(client, name, {"k": 20})[0] for name in names]

    began = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as pool:
        taken = [seconds for answers in pool.map(one, range(CLIENTS)) for seconds in answers]
    elapsed = time.perf_counter() - began
    return {
        "requests_per_second": round(len(taken) / elapsed, 1),
        "p50_ms": round(statistics.median(taken) * 1000, 2),
        "p95_ms": quantile(taken, 0.95),
    }


def page(where: dict[str, Any], figures: dict[str, Any]) -> list[str]:
    """The results in words and a table."""
    rows = figures["one_by_one"]
    median = rows["20 items"]["p50_ms"]
    verdict = "met" if median <= LIMIT_MS else "missed"
    return [
        "# Recommendations over HTTP",
        "",
        "Made by `python -m bench.recommend.serving`; do not edit.",
        "",
        (
            f"{figures['items']:,} items, {figures['users']} users of {figures['behaviors']} behaviours with a change "
            f"among them; {PEOPLE} others of each topic had to do with {HAD} of its titles, and "
            f"{figures['others']['items']:,} items have {figures['others']['successors']:g} successors on average. One "
            "client after another; service, Postgres and client share the machine. "
            f"Target: a median of at most {LIMIT_MS:g} ms for 20 items: {verdict}."
        ),
        "",
        "| | p50 | p95 | of the p50 in the database |",
        "| --- | --- | --- | --- |",
        *(
            f"| {what} | {row['p50_ms']:.1f} ms | {row['p95_ms']:.1f} ms | {row['database_p50_ms']:.1f} ms |"
            for what, row in rows.items()
        ),
        "",
        (
            f"{figures['clients']} clients at once: {figures['together']['requests_per_second']:g} a second, p50 "
            f"{figures['together']['p50_ms']:.1f} ms, p95 {figures['together']['p95_ms']:.1f} ms."
        ),
        "",
        (
            f"{where['date']}, commit {where['commit']}; {where['cpu']}, {where['cores']} cores, load average "
            f"{where['load_average_at_start']:g} at the start: above about 1, something else was running."
        ),
    ]


if __name__ == "__main__":
    typer.run(main)
