"""One source, measured: a profile from the fit users, then every detector on the test users."""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bench.detection.judges import ALIBI, KSWIN, OFFLINE, alibi, offline, others
from bench.detection.sources import Source
from service.calibration.calibrate import Calibration, calibrate
from service.calibration.population import Population, view
from service.calibration.search import Choice, verdicts
from service.commands.figures import observations
from service.detection.detector import Params, fold
from service.detection.rules import Rule
from service.evaluation.compare import alarmed, compare, run_lengths
from service.evaluation.judges import OURS, Judge, ours
from service.evaluation.measures import SHARES, WITHIN, exceeded_by, share_alarmed
from service.evaluation.streams import DRIFT, Stream, drifting, plant
from service.vectors import Vectors

Progress = Callable[[str], None]
MOST_DRIFTS = 400


@dataclass(frozen=True)
class Measured:
    """Everything that came of one source, ready for JSON, and the calibration it came from."""

    figures: dict[str, Any]
    calibration: Calibration


def measure(
    source: Source, vectors: Vectors, space: str, *, seed: int, alibi_python: Path | None, progress: Progress
) -> Measured:
    """Calibrate on the fit users, and compare on the test users.

    Args:
        source: the histories.
        vectors: (n, dim), of the source's texts.
        space: of the encoder.
        seed: of everything random.
        alibi_python: of an environment with alibi-detect, if there is one.
        progress: told what is going on.
    """
    rng = np.random.default_rng(seed)
    began = time.perf_counter()
    calibration = calibrated(source, vectors, space=space, seed=seed, progress=progress)
    calibrated_in = time.perf_counter() - began
    planted = source.planted or plant(source.test, rng, tries=1)
    everyone = Population(source.texts, vectors, source.test)
    judges = {**ours(everyone, calibration.profile), **others(vectors)}
    if alibi_python:
        progress(ALIBI)
        judges[ALIBI] = alibi(alibi_python, vectors, {"untouched": source.test, **planted})
    compared = compare(judges, source.test, planted, rng, progress)
    progress(OFFLINE)
    calm = [judges[OURS](stream) for stream in source.test]
    return Measured(
        {
            "users": {"fit": len(source.fit), "test": len(source.test)},
            "behaviors": {"fit": sum(map(len, source.fit)), "test": sum(map(len, source.test))},
            "texts": len(source.texts),
            "calibrated_in_seconds": round(calibrated_in, 1),
            "profile": _profile(calibration),
            "planted": [asdict(kind) for kind in compared],
            "offline": _offline(source.test, planted, vectors),
            "run_lengths": [asdict(step) for step in run_lengths(calm, calibration.profile.ladder, rng)],
            "drift": _drift(calibration, everyone, judges, rng),
            "as_shipped": _as_shipped(calibration, everyone, planted),
        },
        calibration,
    )


def calibrated(
    source: Source,
    vectors: Vectors,
    *,
    space: str,
    seed: int,
    choice: Choice | None = None,
    progress: Progress = lambda _what: None,
) -> Calibration:
    """A profile from the fit users alone, over the texts that they used, no others."""
    fit = Population(source.texts, vectors, source.fit).narrowed(source.fit)
    return calibrate(
        fit, fit.streams, space=space, seed=seed, choice=choice, new_texts=source.new_texts, progress=progress
    )


def _profile(calibration: Calibration) -> dict[str, Any]:
    profile = calibration.profile
    return {
        "topics": profile.topics,
        "temperature": profile.temperature,
        "mix": profile.mix,
        "nearest": profile.nearest,
        "params": asdict(profile.params),
        "choice": asdict(calibration.choice),
        "new_texts": round(calibration.new_texts, 3),
        "ladder": [list(step) for step in profile.ladder],
        "trials": [
            {"choice": asdict(trial.choice), "found": trial.found, "bayes_alone": trial.bayes_alone}
            for trial in calibration.trials
        ],
        "likelihoods": [asdict(tried) for tried in calibration.likelihoods],
    }


def _offline(untouched: list[Stream], planted: Mapping[str, list[Stream]], vectors: Vectors) -> dict[str, Any]:
    """The best split by ruptures of whole histories: found where it gains enough and lies within 20 behaviours."""
    best = offline(vectors)
    calm = np.array([best(stream)[1] for stream in untouched])
    out: dict[str, Any] = {}
    for kind, streams in planted.items():
        splits = [best(stream) for stream in streams]
        near = [abs(at - (stream.change or 0)) <= WITHIN for (at, _), stream in zip(splits, streams, strict=True)]
        gains = np.array([gain for _, gain in splits])
        out[kind] = {f"{share:g}": float(np.mean((gains > exceeded_by(calm, share)) & near)) for share in SHARES}
    return out


def _drift(
    calibration: Calibration, everyone: Population, judges: Mapping[str, Judge], rng: np.random.Generator
) -> dict[str, Any]:
    """Share of users alarmed whose interest moves slowly, and of as long histories that do not move.

    Like is compared with like: behaviours of both in random order, which takes bursts such as baskets away, and of both
    in the order of the histories that they are drawn from, where untouched histories hold changes of their own.
    """
    profile = calibration.profile
    seen = view(everyone, profile, profile.params)
    alarms = partial(share_alarmed, threshold=profile.threshold, rng=rng)
    own, mixed = everyone.streams, [_shuffled(stream, len(stream), rng) for stream in everyone.streams]
    moved = {order: drifting(some, rng)[:MOST_DRIFTS] for order, some in (("random order", mixed), ("own order", own))}
    mine, length = {stream.user: stream for stream in own}, len(moved["own order"][0])
    still = {
        "random order": [_shuffled(mine[stream.user], length, rng) for stream in moved["random order"]],
        "own order": [_again(mine[stream.user], length) for stream in moved["own order"]],
    }
    out: dict[str, Any] = {"behaviors": DRIFT, "users": len(moved["own order"])}
    for order, slow in moved.items():
        out[order] = {
            name: asdict(alarms(verdicts(seen.figures(streams), profile.fusion)))
            for name, streams in (("drifting", slow), ("stationary", still[order]))
        }
    compared = [name for name in judges if name not in (ALIBI, KSWIN)]  # too slow for what they would add
    out["where 5 % of the stationary are alarmed"] = {
        name: alarmed(judges[name], still["random order"], moved["random order"]) for name in compared
    }
    return out


def _again(stream: Stream, length: int) -> Stream:
    """A user's history in its order, from the beginning again at its end: as a drifting one's, without the drift."""
    return stream.take(np.arange(length) % len(stream))


def _shuffled(stream: Stream, length: int, rng: np.random.Generator) -> Stream:
    """A user whose interest does not move at all: behaviours of the history in random order, again and again."""
    return stream.take(
        np.concatenate([rng.permutation(len(stream)) for _ in range(length // len(stream) + 1)])[:length]
    )


def _as_shipped(
    calibration: Calibration, everyone: Population, planted: Mapping[str, list[Stream]]
) -> dict[str, dict[str, float]]:
    """What the detector declares, step by step, at the asked run length: delay, beginning, alarms before the change."""
    profile = calibration.profile
    params, out = Params(everyone.vectors.shape[1], profile), dict[str, dict[str, float]]()
    assigned = profile.assign(everyone.vectors)
    for kind, streams in planted.items():
        waits, offsets, early = list[int](), list[int](), 0
        for stream in streams:
            _, results = fold(params, params.empty(), observations(everyone, assigned, stream), Rule())
            change = stream.change or 0
            early += any(r.change and r.position < change for r in results)
            first = next((r for r in results if r.change and r.position >= change), None)
            if first is not None and first.change is not None and first.position < change + WITHIN:
                waits.append(first.position - change + 1)
                offsets.append(abs(first.change.began - change))
        out[kind] = {
            "found_within_20": len(waits) / len(streams),
            "median_delay": float(np.median(waits)) if waits else float("nan"),
            "beginning_within_3": float(np.mean(np.array(offsets) <= 3)) if offsets else float("nan"),
            "alarmed_before_the_change": early / len(streams),
        }
    return out
