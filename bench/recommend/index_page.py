"""The page of the index's figures."""

import json
from pathlib import Path
from typing import Any

from bench.recommend.made import QUANTILES


def write_page(folder: Path) -> None:
    """`README.md` in the folder, of every result in it."""
    results = [json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*.json")]
    results.sort(key=lambda result: result["items"])
    parts = [_HEAD, *(_section(result) for result in results)]
    (folder / "README.md").write_text("\n".join(parts), encoding="utf-8")


_HEAD = """# The catalogue's index

Made by `python -m bench.recommend.index TITLES --items N`. A query is the mean of five titles of one topic, as the
vector of an interest is that of its behaviours. Times are of one statement with four queries, seen from Python: sent,
searched, received and decoded, on one connection to the embedded Postgres, after as many that do not count. Recall is
the share of a query's true 20 nearest items, found by looking at all, that are among those that the statement gives.
"""


def _section(result: dict[str, Any]) -> str:
    machine, held, likeness = result["machine"], result["storage"], result["likeness"]
    lines = [
        f"## {result['items']:,} items of {result['dim']} numbers",
        "",
        (
            f"{machine['date']}, {machine['cpu']}, {machine['cores']} cores, load average at start "
            f"{machine['load_average_at_start']}, shared buffers {result['shared_buffers_mib']:,} MiB, commit "
            f"{machine['commit']}. The index takes {held['index_mib']:,} MiB and was built in {held['build_s']:,} s "
            f"with one helper; the vectors and their other indexes take {held['rest_mib']:,} MiB."
        ),
        "",
        "| items a query | ef_search | recall@20 | p50 ms | p95 ms |",
        "| --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {row['per_query']} | {row['ef_search']} | {row['recall']:.3f} | {row['p50_ms']:.1f} | {row['p95_ms']:.1f} |"
        for row in result["searches"]
    ]
    lines += [
        "",
        f"With filters, 40 items a query, ef_search {result.get('shipped_ef_search', 80)}:",
        "",
        "| | p50 ms | p95 ms |",
        "| --- | --- | --- |",
    ]
    lines += [f"| {row['filter']} | {row['p50_ms']:.1f} | {row['p95_ms']:.1f} |" for row in result["filtered"]]
    lines += ["", "Without an index, 40 items a query:", "", "| items of the domain | p50 ms | p95 ms |"]
    lines += ["| --- | --- | --- |"]
    lines += [f"| {row['items']:,} | {row['p50_ms']:.1f} | {row['p95_ms']:.1f} |" for row in result["without_index"]]
    known = result["looked_up"]
    lines += [
        "",
        f"The vectors of {known['texts']} texts found by hash: {known['p50_ms']:.1f} ms, p95 {known['p95_ms']:.1f} ms.",
    ]
    lines += ["", _likeness(result, likeness), ""]
    return "\n".join(lines)


def _likeness(result: dict[str, Any], likeness: dict[str, Any]) -> str:
    made = result["items"] - result["real"]
    quantiles = ", ".join(f"{quantile:.0%}" for quantile in QUANTILES)
    return (
        f"{result['real']:,} items are real titles. The other {made:,} are made: points between two titles of a topic "
        f"with noise of length {likeness['noise']} in every direction, so chosen that among as many made ones as real "
        f"ones the nearest neighbour is as far. Quantiles {quantiles} of that cosine distance: real "
        f"{_numbers(likeness['real'])}; made {_numbers(likeness['made'])}."
    )


def _numbers(numbers: list[float]) -> str:
    return ", ".join(f"{number:.2f}" for number in numbers)
