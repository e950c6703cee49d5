r"""`python -m bench.detection.precision`: what another precision of the model costs in detection.

    python -m bench.detection.precision --data DATA --other models/int8 \
        --multilingual models/multilingual --other-multilingual models/multilingual-int8

A profile belongs to the vector space and so fits every precision of a model. It is made here from one precision's
vectors of the fit users, with the topics' and the detector's numbers that `bench.detection` chose, and judges the test
users by the vectors of both. The other precision is as good where its figures lie within the first one's intervals.
"""

import json
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console

from bench.detection.__main__ import CHINESE, SEED, vectors_of, where
from bench.detection.measure import calibrated
from bench.detection.sources import SOURCES, Source
from service.calibration.population import Population
from service.calibration.search import Choice
from service.detection.bayes import BayesParams
from service.encoder import read_manifest
from service.evaluation.compare import compare, interval
from service.evaluation.judges import OURS, ours
from service.evaluation.measures import run_length_estimate
from service.evaluation.streams import plant
from service.reports import Row
from service.vectors import Vectors

RESULTS = Path("bench/results/detection")


def main(  # noqa: PLR0917 - typer passes them by name
    data: Annotated[Path, typer.Option(help="Folder of the sources.")],
    other: Annotated[Path, typer.Option(help="The default model, exported in another precision.")],
    model: Annotated[Path, typer.Option(help="The exported default model.")] = Path("models/default"),
    multilingual: Annotated[Path | None, typer.Option(help="A multilingual model, for Chinese.")] = None,
    other_multilingual: Annotated[Path | None, typer.Option(help="The same in the other precision.")] = None,
    only: Annotated[list[str] | None, typer.Option(help="Only these sources.")] = None,
    vectors: Annotated[Path | None, typer.Option(help="Folder to keep vectors in between runs.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for the results, with those of bench.detection.")] = RESULTS,
) -> None:
    """Judge the test users by the vectors of two precisions, and write a table."""
    console = Console(stderr=True)
    names = [read_manifest(folder).precision for folder in (model, other)]
    results = []
    for name in only or SOURCES:
        folders = (multilingual, other_multilingual) if name == CHINESE else (model, other)
        if None in folders:
            console.print(f"{name}: left out, it needs --multilingual and --other-multilingual")
            continue
        if name == CHINESE and [read_manifest(folder).precision for folder in folders if folder] != names:
            raise typer.BadParameter(f"the multilingual models are not of the precisions {' and '.join(names)}")
        console.print(name)
        source = SOURCES[name](data, SEED)
        seen = {
            precision: vectors_of(source, folder, vectors / _kept(name, precision) if vectors else None)
            for folder, precision in zip(folders, names, strict=True)
            if folder is not None
        }
        chosen = choice_of(json.loads((out / f"{name}.json").read_text("utf-8"))["profile"])
        results.append({"source": name, **judged(source, {p: v for p, (v, _) in seen.items()}, chosen, console)})
    told = {**where(), "seed": SEED, "precisions": names, "sources": results}
    (out / "precision.json").write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (out / "precision.md").write_text("\n".join(page(told)) + "\n", encoding="utf-8")


def _kept(source: str, precision: str) -> str:
    return f"{source}.npz" if precision == "fp32" else f"{source}-{precision}.npz"


def choice_of(profile: dict[str, Any]) -> Choice:
    """What `bench.detection` chose for a source."""
    told = profile["choice"]
    return Choice(**{**told, "params": BayesParams(**told["params"])})


def judged(source: Source, seen: dict[str, Vectors], choice: Choice, console: Console) -> dict[str, Any]:
    """Planted changes found and run lengths, by precision; the first one makes the profile."""
    rng = np.random.default_rng(SEED)
    first = next(iter(seen.values()))
    profile = calibrated(source, first, space="", seed=SEED, choice=choice, progress=console.print).profile
    planted = source.planted or plant(source.test, rng, tries=1)
    judges = {
        precision: ours(Population(source.texts, vectors, source.test), profile)[OURS]
        for precision, vectors in seen.items()
    }
    compared = compare(judges, source.test, planted, np.random.default_rng(SEED), console.print)
    return {
        "planted": [{"kind": kind.kind, "rows": [_row(row) for row in kind.rows]} for kind in compared],
        "run_lengths": {
            precision: run_length_of(judge, source, profile.threshold) for precision, judge in judges.items()
        },
        "asked": profile.behaviors_per_false_alarm,
    }


def run_length_of(judge: Any, source: Source, threshold: float) -> list[float | None]:  # noqa: ANN401 - a Judge
    """Behaviours per false alarm of the untouched test users, with its interval."""
    estimate = interval(
        run_length_estimate([judge(stream) for stream in source.test], threshold, np.random.default_rng(SEED))
    )
    return [estimate.value, estimate.low, estimate.high]


def _row(row: Row) -> dict[str, Any]:
    told = row.within_20
    return {"precision": row.detector, "share": row.false_alarm_share, "found": [told.value, told.low, told.high]}


def within(result: dict[str, Any], precision: str, reference: str) -> bool:
    """Whether every figure of a precision lies within the reference's interval, or above it."""
    for kind in result["planted"]:
        found = {(row["precision"], row["share"]): row["found"] for row in kind["rows"]}
        if any(found[precision, share][0] < found[reference, share][1] for name, share in found if name == reference):
            return False
    return True


def page(told: dict[str, Any]) -> list[str]:
    """The table, as Markdown."""
    reference, other = told["precisions"]
    lines = [
        f"# Detection by {other} beside {reference}",
        "",
        "Made by `python -m bench.detection.precision`; do not edit.",
        "",
        (
            f"{told['date']}, {told['machine']}. One profile a source, made from {reference} vectors of the fit users, "
            "judges the test users by both precisions' vectors. Planted changes found within 20 behaviours where 5 % "
            "(1 %) of untouched users are alarmed, with 95 % bootstrap intervals over users; behaviours per false "
            "alarm at the threshold for 1,000."
        ),
        "",
        "| source, changes | precision | 5 % | 1 % | behaviours per false alarm |",
        "| --- | --- | --- | --- | --- |",
    ]
    for result in told["sources"]:
        for kind in result["planted"]:
            for precision in told["precisions"]:
                cells = [_share(row["found"]) for row in kind["rows"] if row["precision"] == precision]
                value, low, high = result["run_lengths"][precision]
                told_length = f"{value:,.0f} ({low or 0:,.0f}–{high or float('inf'):,.0f})" if value else "∞"
                lines.append(
                    f"| {result['source']}, {kind['kind']} | {precision} | {' | '.join(cells)} | {told_length} |"
                )
    held = [result["source"] for result in told["sources"] if within(result, other, reference)]
    missed = [result["source"] for result in told["sources"] if result["source"] not in held]
    verdict = f"{other} is within {reference}'s intervals, or above them, on {', '.join(held) or 'none'}"
    return [*lines, "", verdict + (f"; below them on {', '.join(missed)}." if missed else ".")]


def _share(found: list[float]) -> str:
    value, low, high = found
    return f"{value:.1%} ({low * 100:.1f}–{high * 100:.1f})"


if __name__ == "__main__":
    typer.run(main)
