"""`python -m bench.detection.speed`: what a behaviour costs once its text is encoded, on one core.

A step takes a state and a behaviour's vector and gives the state after it and the result; a replay does so for a whole
log and makes its rows of decisions. Made-up histories of the shipped profile's topics; the model is not needed.
"""

import json
import os
import platform
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from safetensors import safe_open

from service.commands.replay import Known, decisions
from service.detection import codec
from service.detection.detector import Observation, Params, fold, step
from service.detection.profile import Profile
from service.detection.rules import Rule
from service.logs import History
from service.profiles import DEFAULT_PROFILE, load_profile
from service.vectors import Vectors

USERS, LENGTH, SEED = 40, 500, 0
LIMIT_STEP, LIMIT_REPLAY, LIMIT_STATE = 100.0, 20_000.0, 16_384


def main(
    profile: Annotated[Path, typer.Option(help="The profile.")] = DEFAULT_PROFILE,
    out: Annotated[Path, typer.Option(help="The result to write.")] = Path("bench/results/detection/speed.json"),
) -> None:
    """Measure, and write what came of it beside the limits."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with safe_open(profile, "numpy") as file:
        space = json.loads((file.metadata() or {})["profile"])["space"]
    loaded = load_profile(profile, space=space)
    vectors = _vectors(loaded)
    params = Params(vectors.shape[1], loaded)
    state, _ = fold(params, params.empty(), _observations(vectors[:1000]), Rule("bayes", np.inf))
    observations = _observations(vectors[1000:3000])

    def steps() -> int:
        now = state
        for observation in observations:
            now, _ = step(params, now, observation, Rule())
        return len(observations)

    histories, known = _log(loaded, vectors)

    def replay() -> int:
        ones = np.ones(LENGTH, np.float32)
        for history in histories:
            decisions(params, history, known, ones, Rule())
        return USERS * LENGTH

    per_step, per_second = 1e6 / _rate(steps), _rate(replay)
    result = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}, one core",
        "profile": loaded.id,
        "step_microseconds": {"measured": round(per_step, 1), "limit": LIMIT_STEP},
        "replay_behaviors_per_second": {"measured": round(per_second), "limit": LIMIT_REPLAY},
        "state_bytes": {"measured": len(codec.encode(state)), "limit": LIMIT_STATE},
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))


def _rate(work: Callable[[], int], repeats: int = 5) -> float:
    """Behaviours a second, the best of some repeats: the others share the core with something else."""
    work()
    best = 0.0
    for _ in range(repeats):
        began = time.perf_counter()
        done = work()
        best = max(best, done / (time.perf_counter() - began))
    return best


def _vectors(profile: Profile) -> Vectors:
    """Behaviours about forty of the topics: prototypes' own directions, and noise."""
    rng = np.random.default_rng(SEED)
    dim = len(profile.center)
    near = profile.prototypes[rng.integers(0, 40, USERS * LENGTH), :dim] + profile.center
    vectors = near + 0.03 * rng.normal(size=near.shape)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def _observations(vectors: Vectors) -> list[Observation]:
    return [Observation(vector, 1.0, 3600.0 * at) for at, vector in enumerate(vectors)]


def _log(profile: Profile, vectors: Vectors) -> tuple[list[History], Known]:
    names = [str(at) for at in range(len(vectors))]
    known = Known({name: at for at, name in enumerate(names)}, vectors, profile.assign(vectors))
    histories = []
    for user in range(USERS):
        rows = np.arange(user * LENGTH, (user + 1) * LENGTH)
        nothing: list[Any] = [None] * LENGTH
        histories.append(
            History(
                user_id=str(user),
                rows=rows + 1,
                times=3600.0 * np.arange(LENGTH, dtype=np.float64),
                occurred_at=["2026-01-01T00:00:00+00:00"] * LENGTH,
                texts=names[user * LENGTH : (user + 1) * LENGTH],
                types=["view"] * LENGTH,
                item_ids=nothing,
                categories=nothing,
                event_ids=nothing,
                weights=nothing,
            )
        )
    return histories, known


if __name__ == "__main__":
    typer.run(main)
