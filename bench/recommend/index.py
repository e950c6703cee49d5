"""`python -m bench.recommend.index TITLES`: the catalogue's index, exact and quick enough with a million items?

Needs the extras `dev` and `bench`. Close everything else on the machine first.
"""

import asyncio
import json
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console

from bench.recommend.fill import build, drop_database, fill, make_database, storage
from bench.recommend.index_measure import exact, interests, latency, lookup, recall
from bench.recommend.index_page import write_page
from bench.recommend.made import fit
from bench.recommend.titles import Titles, load
from bench.serving.machine import machine
from service.database.embedded import EmbeddedPostgres, shared_buffers_mib
from service.database.engine import make_engine
from service.recommendations.service import EF_SEARCH as SHIPPED

EF_SEARCH = (20, 40, 60, 80, 90, 120, 200)
PER_QUERY = (20, 40, 100)
SMALL = (500, 1000, 2000, 5000, 10_000)
"""Sizes of domains that are searched without an index, to see from where on one is worth it."""


def main(  # noqa: PLR0917 - typer passes them by name
    titles: Annotated[Path, typer.Argument(help="CSV file of real titles, with the columns topic and text.")],
    items: Annotated[int, typer.Option(min=1000, help="Items of the catalogue.")] = 1_000_000,
    queries: Annotated[int, typer.Option(min=8, help="Queries to measure with.")] = 400,
    data: Annotated[Path, typer.Option(help="Folder of the database and of vectors, kept.")] = Path("data/catalogue"),
    model: Annotated[Path, typer.Option(help="The exported model.")] = Path("models/default"),
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("bench/results/recommend/index"),
) -> None:
    """Fill a catalogue, build its index, and measure it. What is in the folder already is not made again."""
    console = Console(stderr=True)
    where = machine()
    told = load(titles, model, data.parent)
    server = EmbeddedPostgres(data)
    url = server.start()
    try:
        figures = asyncio.run(
            _measure(
                url,
                told,
                items=items,
                count=queries,
                data=data,
                tell=lambda what: console.print(f"  {what}", markup=False, highlight=False),
            )
        )
    finally:
        server.stop()
    out.mkdir(parents=True, exist_ok=True)
    result = {"machine": where, "model": model.name, "shared_buffers_mib": shared_buffers_mib(), **figures}
    (out / f"{items}.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    write_page(out)
    typer.echo((out / "README.md").read_text(encoding="utf-8"))


async def _measure(url: str, titles: Titles, *, items: int, count: int, data: Path, tell: Any) -> dict[str, Any]:  # noqa: ANN401 - what prints
    likeness = fit(titles)
    await fill(url, titles, items, likeness.noise, tell)
    dim = titles.vectors.shape[1]
    took, kept = await build(url, titles.space, dim, workers=1, tell=tell), data / "build.json"
    if took is not None:
        kept.write_text(json.dumps({"build_s": round(took)}), encoding="utf-8")
    held = await storage(url, titles.space) | json.loads(kept.read_text(encoding="utf-8"))
    queries = interests(titles, count)
    true = exact(titles, items, likeness.noise, queries)
    engine = make_engine(url, pool_size=1).execution_options(isolation_level="AUTOCOMMIT")
    rows = []
    try:
        async with engine.connect() as connection:
            await latency(connection, titles.space, queries, per_query=max(PER_QUERY), ef=max(EF_SEARCH))  # warms up
            for per_query in PER_QUERY:
                for ef in EF_SEARCH:
                    row = {"per_query": per_query, "ef_search": ef}
                    row |= await latency(connection, titles.space, queries, per_query=per_query, ef=ef)
                    share = await recall(connection, titles.space, queries, true, per_query=per_query, ef=ef)
                    rows.append(row | {"recall": round(share, 4)})
                    tell(str(rows[-1]))
            filtered = await _filtered(connection, titles, queries)
            looked_up = await lookup(connection, titles, count)
    finally:
        await engine.dispose()
    return {
        "items": items,
        "shipped_ef_search": SHIPPED,
        "real": min(items, len(titles.vectors)),
        "dim": dim,
        "likeness": {"noise": likeness.noise, "real": likeness.real, "made": likeness.made},
        "storage": held,
        "searches": rows,
        "filtered": filtered,
        "looked_up": looked_up,
        "without_index": await _without_index(url, titles, likeness.noise, queries, tell),
    }


async def _filtered(connection: Any, titles: Titles, queries: np.ndarray[Any, Any]) -> list[dict[str, Any]]:  # noqa: ANN401 - see latency
    rows = []
    names: list[str | None] = list(titles.names[:50])
    seen = [f"item-{n}" for n in range(300)]
    for what, more in (
        ("one category", {"category": names}),
        ("300 items left out", {"exclude": seen}),
    ):
        row = await latency(connection, titles.space, queries, per_query=40, ef=SHIPPED, **more)
        rows.append({"filter": what} | row)
    return rows


async def _without_index(
    url: str,
    titles: Titles,
    noise: float,
    queries: np.ndarray[Any, Any],
    tell: Any,  # noqa: ANN401 - see latency
) -> list[dict[str, Any]]:
    """The same search over small domains that have no index, in a database of its own."""
    name = "small_domains"
    await drop_database(url, name)
    beside = await make_database(url, name)
    for size in SMALL:
        await fill(beside, titles, size, noise, tell, domain=f"of-{size}")
    engine = make_engine(beside, pool_size=1).execution_options(isolation_level="AUTOCOMMIT")
    rows = []
    try:
        async with engine.connect() as connection:
            for size in SMALL:
                more = {"per_query": 40, "ef": SHIPPED, "domain": f"of-{size}"}
                rows.append({"items": size} | await latency(connection, titles.space, queries[:200], **more))  # type: ignore[arg-type] # each of its type
                tell(str(rows[-1]))
    finally:
        await engine.dispose()
        await drop_database(url, name)
    return rows


if __name__ == "__main__":
    typer.run(main)
