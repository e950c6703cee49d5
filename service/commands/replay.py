"""`swerve replay`: the detector over a log, without server or database."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from service.calibration.encode import encode
from service.commands.common import loaded, require_folder
from service.commands.progress import progress_bar
from service.detect.incoming import derive_event_id
from service.detect.schemas import Behavior
from service.detection.detector import Observation, Params, Result, fold
from service.detection.profile import Profile
from service.detection.rules import Rule
from service.detection.topics import Assignment
from service.encoder import Encoder
from service.logs import SCHEMA, DecisionsWriter, History, open_log, weights_of
from service.profiles import profile_for
from service.resources import detector_params
from service.settings import Settings
from service.vectors import Vectors

BEHAVIORS_AT_ONCE = 50_000
"""Histories are taken together until they have so many: their texts are encoded in one go, and each only once."""


@dataclass(frozen=True)
class Asked:
    """What the operator asks for.

    Attributes:
        log: the behaviours.
        out: the decisions to write, CSV or Parquet by its ending.
        model: the exported model.
        profile: None for the shipped one; where that does not fit the model, distances alone are told.
        rule: which detector decides.
    """

    log: Path
    out: Path
    model: Path
    profile: Path | None
    rule: Rule


@dataclass(frozen=True)
class Known:
    """The texts of some histories: their rows, vectors, and topics where there is a profile."""

    rows: dict[str, int]
    vectors: Vectors
    assigned: Assignment | None


def run(asked: Asked, settings: Settings) -> str:
    """Do it, and say what came of it in a line.

    Raises:
        LogError: the log cannot be used, or the decisions not written.
        ProfileError: the profile cannot be used, or was made for another model.
        ModelFolderError: the model cannot be used.
    """
    require_folder(asked.out)
    with (
        progress_bar() as bar,
        loaded(asked.model, settings) as encoder,
        DecisionsWriter(asked.out) as writer,
    ):
        params = detector_params(settings, encoder.info.dim, profile_for(encoder.info.space, asked.profile))
        reading = bar.add_task("reading", total=None)
        with open_log(asked.log, progress=lambda rows: bar.advance(reading, rows)) as log:
            bar.update(reading, total=log.rows, completed=log.rows)
            task = bar.add_task("replaying", total=log.rows)
            changes = 0
            for some in _together(log.histories()):
                texts = _known(encoder, params.profile, some)
                for history in some:
                    frame = decisions(
                        params, history, texts, weights_of(history, settings.behavior_weights, log.path), asked.rule
                    )
                    changes += int(frame["mutated"].sum())
                    writer.write(frame)
                    bar.advance(task, len(history.texts))
            told = f"{log.rows:,} behaviours of {log.users:,} users, {changes:,} changes of interest: {asked.out}"
    return (
        told if params.profile or asked.rule.name != "bayes" else f"{told} (no profile fits this model: uncalibrated)"
    )


def _together(histories: Iterable[History]) -> Iterator[list[History]]:
    """Histories in lists of about `BEHAVIORS_AT_ONCE` behaviours."""
    some, behaviors = list[History](), 0
    for history in histories:
        some.append(history)
        behaviors += len(history.texts)
        if behaviors >= BEHAVIORS_AT_ONCE:
            yield some
            some, behaviors = [], 0
    if some:
        yield some


def _known(encoder: Encoder, profile: Profile | None, some: Sequence[History]) -> Known:
    rows: dict[str, int] = {}
    for history in some:
        for text in history.texts:
            rows.setdefault(text, len(rows))
    vectors = encode(encoder, list(rows))
    return Known(rows, vectors, profile.assign(vectors) if profile else None)


def decisions(params: Params, history: History, texts: Known, weights: NDArray[np.float32], rule: Rule) -> pl.DataFrame:
    """One row for each behaviour of a user's history, in the log's order, as if it had come in one request.

    Args:
        params: of the detectors.
        history: of one user.
        texts: with the history's among them.
        weights: (n,), of the behaviours.
        rule: which detector decides.
    """
    order = _order(history)
    _, folded = fold(params, params.empty(), _observations(history, order, texts, weights), rule)
    results = [result for _, result in sorted(zip(order, folded, strict=True), key=lambda pair: pair[0])]
    return pl.DataFrame(_columns(history, results), schema=SCHEMA)


def _order(history: History) -> list[int]:
    """The order in which the service takes the rows: by time, those of one time by their event ids.

    A row without one gets the id that the service derives for a behaviour of that content.
    """
    order = list(range(len(history.texts)))
    times = history.times.tolist()
    tied = {time for time, next_time in pairwise(times) if time == next_time}
    ids = {n: history.event_ids[n] or _derived_id(history, n) for n in order if times[n] in tied}
    return sorted(order, key=lambda n: (times[n], ids.get(n, "")))


def _derived_id(history: History, row: int) -> str:
    return derive_event_id(
        Behavior.model_construct(
            type=history.types[row],
            text=history.texts[row],
            item_id=history.item_ids[row],
            category=history.categories[row],
            occurred_at=datetime.fromisoformat(history.occurred_at[row]).astimezone(UTC),
            weight=history.weights[row],
        )
    )


def _observations(
    history: History, order: Sequence[int], texts: Known, weights: NDArray[np.float32]
) -> Iterator[Observation]:
    for n in order:
        row = texts.rows[history.texts[n]]
        assigned = texts.assigned.at(row) if texts.assigned else None
        yield Observation(texts.vectors[row], float(weights[n]), float(history.times[n]), assigned)


def _columns(history: History, results: Sequence[Result]) -> dict[str, Any]:
    def of(score: Callable[[Result], Any]) -> list[Any]:
        return [score(result) for result in results]

    return {
        "user_id": [history.user_id] * len(results),
        "event_id": history.event_ids,
        "occurred_at": history.occurred_at,
        "position": of(lambda r: r.position),
        "status": of(lambda r: r.status),
        "log_odds": of(lambda r: r.log_odds),
        "probability": of(lambda r: None if r.log_odds is None else 1.0 / (1.0 + math.exp(min(-r.log_odds, 700.0)))),
        "mutated": of(lambda r: r.change is not None),
        "changed_position": of(lambda r: r.change.began if r.change else None),
        "magnitude": of(lambda r: r.scores.magnitude),
        "cosine_distance": of(lambda r: r.scores.cosine_distance),
        "rate_per_day": of(lambda r: r.scores.rate_per_day),
        "window": of(lambda r: r.scores.window),
    }
