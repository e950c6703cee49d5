"""`swerve replay`: the detector over a log, without server or database."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from service.calibration.encode import encode
from service.commands.common import loaded, progress_bar, require_folder
from service.detection.detector import Observation, Params, Result, Rule, fold
from service.detection.profile import Profile
from service.detection.topics import Assignment, Vectors
from service.encoder import Encoder
from service.logs import SCHEMA, DecisionsWriter, History, open_log, weights_of
from service.profiles import profile_for
from service.resources import detector_params
from service.settings import Settings

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
    """One row for each behaviour of a user's history, as if it had come in one request.

    Args:
        params: of the detectors.
        history: of one user.
        texts: with the history's among them.
        weights: (n,), of the behaviours.
        rule: which detector decides.
    """
    _, results = fold(params, params.empty(), _observations(history, texts, weights), rule)
    return pl.DataFrame(_columns(history, results), schema=SCHEMA)


def _observations(history: History, texts: Known, weights: NDArray[np.float32]) -> Iterator[Observation]:
    for text, weight, time in zip(history.texts, weights.tolist(), history.times.tolist(), strict=True):
        row = texts.rows[text]
        yield Observation(texts.vectors[row], weight, time, texts.assigned.at(row) if texts.assigned else None)


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
