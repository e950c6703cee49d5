"""`python -m bench.detection.households`: the fifty strongest changes of 2,469 households, to be read by a person.

The profile is calibrated on half of the households, with the numbers that `python -m bench.detection` chose. Every
household is then gone through step by step, untouched, and the changes declared with the highest log-odds are written
with the topics gained and lost and the purchases that carry them.
"""

import json
from collections import Counter
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.progress import track

from bench.detection.measure import calibrated
from bench.detection.precision import choice_of
from bench.detection.sources import divided, households
from service.calibration.encode import encode
from service.calibration.population import Population
from service.commands.figures import observations
from service.detection.detector import Change, Params, Result, fold
from service.detection.rules import Rule
from service.encoder import OnnxEncoder
from service.evaluation.streams import Stream

SEED = 20
STRONGEST = 50
TOLD = 4
"""Topics and purchases named."""


def main(
    result: Annotated[Path, typer.Option(help="What python -m bench.detection wrote of the households.")] = Path(
        "bench/results/detection/completejourney.json"
    ),
    model: Annotated[Path, typer.Option(help="The exported model.")] = Path("models/default"),
    out: Annotated[Path, typer.Option(help="The list to write.")] = Path("bench/results/detection/households.md"),
) -> None:
    """List the strongest changes."""
    texts, streams = households()
    encoder = OnnxEncoder.load(model)
    vectors, space = encode(encoder, texts), encoder.info.space
    encoder.close()
    source = divided(texts, streams, SEED)
    chosen = json.loads(result.read_text("utf-8"))["profile"]
    made = calibrated(source, vectors, space=space, seed=SEED, choice=choice_of(chosen))
    params = Params(vectors.shape[1], made.profile)
    everyone = Population(texts, vectors, streams)
    assigned = made.profile.assign(vectors)
    found: list[tuple[Stream, Result, Change]] = []
    for stream in track(streams, description="households"):
        _, results = fold(params, params.empty(), observations(everyone, assigned, stream), Rule())
        found += [(stream, result, result.change) for result in results if result.change]
    found.sort(key=lambda one: -(one[1].log_odds or 0.0))
    behaviors = sum(map(len, streams))
    lines = [
        "# The fifty strongest changes of 2,469 households",
        "",
        (
            "Made by `python -m bench.detection.households`, read in [households-read.md](households-read.md). "
            f"{len(found):,} changes declared in {behaviors:,} purchases of {len(streams):,} households with 20 "
            f"purchases or more, at {made.profile.behaviors_per_false_alarm:,.0f} behaviours per false alarm; "
            f"{len({stream.user for stream, _, _ in found}):,} households have one."
        ),
        "",
    ]
    for number, (stream, declared, change) in enumerate(found[:STRONGEST], 1):
        lines += _entry(number, stream, declared, change, texts)
    out.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _entry(number: int, stream: Stream, declared: Result, change: Change, texts: list[str]) -> list[str]:
    """One change in a few lines."""
    bought = Counter(texts[item] for item in stream.items[change.began : declared.position + 1])
    later = stream.items[declared.position + 1 : declared.position + 101]
    return_share = np.isin(later, stream.items[change.began : declared.position + 1]).mean() if len(later) else 0.0
    before = Counter(texts[item] for item in stream.items[max(change.began - 60, 0) : change.began])
    gained = "; ".join(f"{t.label} {t.before:.0%} → {t.after:.0%}" for t in change.gained[:TOLD])
    lost = "; ".join(f"{t.label} {t.before:.0%} → {t.after:.0%}" for t in change.lost[:TOLD])
    return [
        (
            f"{number}. household {stream.user}, purchase {change.began} of {len(stream)} ({change.kind}), declared "
            f"{declared.position - change.began + 1} purchases in, log-odds {declared.log_odds:.1f}"
        ),
        f"   * gained: {gained}",
        f"   * lost: {lost}",
        "   * bought: " + ", ".join(f"{text} ×{n}" if n > 1 else text for text, n in bought.most_common(12)),
        "   * the 60 before: " + ", ".join(f"{text} ×{n}" if n > 1 else text for text, n in before.most_common(8)),
        f"   * of the {len(later)} purchases after, {return_share:.0%} are of these kinds",
    ]


if __name__ == "__main__":
    typer.run(main)
